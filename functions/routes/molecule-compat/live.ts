// MOLECULE_COMPAT: `/ws`, the live channel of Molecule's canvas (docs/facts/molecule.md §8.3): events as JSON texts. All
// connections of a Node process share one reader; on Workers each reads for itself. A client continues without a gap: it sends the `seq` of its last event
// as `after`, or reads the workspaces anew once it is connected, as the canvas does.
import { type Context, Hono } from 'hono'
import { createMiddleware } from 'hono/factory'
import { limitedTo } from '../../../lib/auth/authorize.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import { followEvents } from '../../../lib/events/follow-events.ts'
import type { EventsQuery, StoredEvent } from '../../../lib/events/read-events.ts'
import { rejectExpiredCursor } from '../../../lib/events/retention.ts'
import { visibleSeq } from '../../../lib/events/visible-seq.ts'
import { DomainError, invalidField } from '../../../lib/platform/errors.ts'
import type { AppEnv } from '../../http/app-env.ts'
import type { Authenticate } from '../../http/authenticate.ts'
import type { AcceptSocket, LiveSocket } from '../../http/live-socket.ts'
import { requestInfo } from '../../http/request-info.ts'
import {
  createChangesReader,
  createLiveChanges,
  type LiveChange,
} from '../../../lib/molecule/live-changes.ts'
import { toLiveMessage, toMoleculeMessage } from './messages.ts'
import { idParam } from './request.ts'

/** Close codes: of RFC 6455, and our own for a credential that is no longer valid (like HTTP's 401) and for no terminal. */
const GOING_AWAY = 1001
const SERVICE_RESTART = 1012
const UNAUTHENTICATED = 4401
const NOT_OFFERED = 4501

/** A browser sends no header with a WebSocket, so the token may be in the URL: `/ws?token=…`. It is in no log. */
export const tokenFromQuery = createMiddleware<AppEnv>(async (c, next) => {
  const token = c.req.query('token')
  if (token !== undefined && c.req.header('authorization') === undefined) {
    const headers = new Headers(c.req.raw.headers)
    headers.set('authorization', `Bearer ${token}`)
    c.req.raw = new Request(c.req.url, { headers })
  }
  return next()
})

export function liveRoutes(services: Services, authenticate: Authenticate, accept: AcceptSocket | undefined) {
  const app = new Hono<AppEnv>()
  // A Worker's requests share nothing.
  const changes = services.eventTail === undefined ? undefined : createLiveChanges(services)

  function acceptorOf(c: Context<AppEnv>): AcceptSocket {
    if (c.req.header('upgrade')?.toLowerCase() !== 'websocket')
      throw new DomainError('invalid_input', 'connect to this address with a WebSocket')
    if (accept === undefined) throw new DomainError('not_implemented', 'this server has no WebSockets')
    return accept
  }

  app.get('/ws', async (c) => {
    const acceptSocket = acceptorOf(c)
    const caller = c.get('caller')
    const among = caller.kind === 'workspace' ? [caller.workspaceId] : limitedTo(caller)
    // Before the connection is made, so that what the client reads afterwards is not older than its first event.
    const after = await startOf(services, c.req.query('after'))
    const readChanges = createChangesReader(services.now)
    const request = requestInfo(services.config, c)
    return acceptSocket(c, async (socket) => {
      const send = senderOf(socket, among)
      const leave = changes?.join(send)
      await follow(services, { after, among }, socket, {
        authenticate: () => authenticate(request),
        beside: async (counted) => (await readChanges(counted)).changes.forEach(send),
      })
      leave?.()
    })
  })

  app.get('/workspaces/:id/terminal', async (c) => {
    const acceptSocket = acceptorOf(c)
    await idParam(services, c)
    return acceptSocket(c, async (socket) => {
      socket.send(
        'This server has no terminal: run commands with POST /workspaces/:id/exec, or molecule-fly exec.\r\n',
      )
      socket.close(NOT_OFFERED, 'no terminal: use POST /workspaces/:id/exec')
    })
  })
  return app
}

/** @throws DomainError `invalid_input`, `gone`, `unavailable` */
async function startOf(services: Services, after: string | undefined): Promise<number> {
  if (after !== undefined) {
    if (!/^\d{1,15}$/.test(after)) throw invalidField('after', 'must be the seq of an event')
    await rejectExpiredCursor(services, Number(after), undefined)
    return Number(after)
  }
  const settled = await visibleSeq(services)
  if (settled !== undefined) return settled
  throw new DomainError('unavailable', 'the log of events is busy; try again shortly', {
    retryAfterSeconds: 5,
  })
}

/** Changes that may wait for a client that reads slowly; further ones are left out, because the API has them all. */
const MOST_WAITING = 500

/** Sends changes of the visible workspaces, none of which waits for a slow client. */
function senderOf(socket: LiveSocket, among: readonly string[] | undefined): (change: LiveChange) => void {
  const only = among && new Set(among)
  let waiting = 0
  let sent = Promise.resolve()
  const send = async (text: string) => {
    if (!socket.closed.aborted) socket.send(text)
    await socket.drained()
    waiting--
  }
  return (change) => {
    const message = toLiveMessage(change)
    if (waiting >= MOST_WAITING || only?.has(message.workspace_id) === false) return
    waiting++
    sent = sent.then(() => send(JSON.stringify(message)))
  }
}

/** Sends events until the connection, the process or the caller's credential ends. */
async function follow(
  services: Services,
  query: Omit<EventsQuery, 'limit'>,
  socket: LiveSocket,
  {
    authenticate,
    beside,
  }: { authenticate: () => unknown; beside: (counted: Pick<Services, 'db'>) => Promise<void> },
): Promise<void> {
  try {
    for await (const { events } of followEvents(services, query, socket.closed, beside)) {
      // On Workers a connection ends soon, and each check may cost a subrequest.
      if (services.eventTail !== undefined) await authenticate()
      for (const event of events) {
        const text = await textOf(services, event)
        if (text !== undefined && !socket.closed.aborted) socket.send(text)
      }
      await socket.drained()
    }
    socket.close(services.stopping?.aborted === true ? GOING_AWAY : SERVICE_RESTART, 'connect again')
  } catch (error) {
    if (error instanceof DomainError) return socket.close(UNAUTHENTICATED, error.message.slice(0, 100))
    services.log('warn', 'a live channel failed', { error })
    socket.close(SERVICE_RESTART, 'connect again')
  }
}

/** An event that many clients receive is translated once. */
const texts = new WeakMap<StoredEvent, Promise<string | undefined>>()

function textOf(services: Services, event: StoredEvent): Promise<string | undefined> {
  const known = texts.get(event)
  if (known !== undefined) return known
  const text = toMoleculeMessage(services, event).then((message) => message && JSON.stringify(message))
  texts.set(event, text)
  return text
}
