// Bearer → caller. Closed unless a token matches, with one exception that the entry has to ask for: a server that listens
// on loopback alone and has no ADMIN_TOKEN is open to this computer, and to nothing that a browser or a tunnel relays.
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { identifyAgent } from '../lib/agents/authenticate-agent.ts'
import { hashToken } from '../lib/agents/token.ts'
import type { Caller } from '../lib/caller.ts'
import { DomainError } from '../lib/errors.ts'
import type { Services } from '../lib/services.ts'
import type { AppEnv } from './app-env.ts'

const bearer = (authorization: string | undefined) =>
  /^bearer +(\S+)$/i.exec(authorization?.trim() ?? '')?.[1]

/** The token of an `Authorization: Bearer` header; schemes are case-insensitive. */
export const bearerOf = (c: Context): string | undefined => bearer(c.req.header('authorization'))

export type Openness = {
  /** The server listens on loopback only, so that whoever reaches it directly sits at this computer. */
  loopback: boolean
}

/** What a request tells of who sent it, on any runtime. */
export type Knock = {
  header: (name: string) => string | undefined
  /** The host name that was asked for, without a port. */
  hostname: () => string
}

export type Identify = (knock: Knock) => Caller | Promise<Caller>

/**
 * How a server identifies its callers. What was found is kept for seconds, under the whole header: to find an entry a hash
 * of all of it must fit, so the time it takes tells nothing about a token.
 * @throws DomainError `misconfigured`, `unauthenticated`, `forbidden`
 */
export function createIdentify(services: Services, openness: Openness): Identify {
  const { adminTokens } = services.config

  async function read(authorization: string): Promise<Caller | undefined> {
    const token = bearer(authorization)
    if (token === undefined) return undefined
    // Digests are compared, so that how long it takes tells nothing about the token.
    const [digest, ...accepted] = await Promise.all([token, ...adminTokens].map(hashToken))
    if (digest !== undefined && accepted.includes(digest)) return { kind: 'admin' }
    const agent = await identifyAgent(services.db, token, services.now())
    return agent === undefined ? undefined : { kind: 'workspace', workspaceId: agent.workspaceId }
  }

  return (knock) => {
    if (adminTokens.length === 0 && !openness.loopback) {
      throw new DomainError('misconfigured', 'ADMIN_TOKEN is not set: this server is closed until it is')
    }
    const authorization = knock.header('authorization')
    if (bearer(authorization) === undefined || authorization === undefined) {
      if (adminTokens.length > 0)
        throw new DomainError('unauthenticated', "send 'Authorization: Bearer <token>'")
      refuseRelayed(knock)
      return ANYBODY_HERE
    }
    return services.callers.peek(authorization) ?? known(authorization)
  }

  async function known(authorization: string): Promise<Caller> {
    const caller = await services.callers.load(authorization, () => read(authorization))
    if (caller === undefined) throw new DomainError('unauthenticated', 'this token is not valid')
    return caller
  }
}

const ANYBODY_HERE: Caller = { kind: 'admin' }

/** The middleware that identifies the caller of every door behind it. */
export function authenticate(identify: Identify) {
  return createMiddleware<AppEnv>(async (c, next) => {
    c.set('caller', await identify(knockOf(c)))
    await next()
  })
}

export const knockOf = (c: Context): Knock => ({
  header: (name) => c.req.header(name),
  hostname: () => new URL(c.req.url).hostname,
})

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/**
 * An open door is for programs on this computer. A tunnel or a rebound DNS name shows in the host name, a web page in the
 * headers that browsers add to what other sites send.
 */
function refuseRelayed({ header, hostname }: Knock): void {
  if (!LOOPBACK.test(hostname())) {
    throw new DomainError(
      'unauthenticated',
      'without ADMIN_TOKEN this server answers on loopback only; set ADMIN_TOKEN and send it as a bearer token',
    )
  }
  const origin = header('origin')
  const foreign = origin !== undefined && !LOOPBACK.test(hostOf(origin))
  if (header('sec-fetch-site') === 'cross-site' || foreign) {
    throw new DomainError('forbidden', 'requests from web pages need ADMIN_TOKEN')
  }
}

const hostOf = (origin: string) => (URL.canParse(origin) ? new URL(origin).hostname : '')

/** For doors that only an operator may use. */
export const adminOnly = createMiddleware<AppEnv>(async (c, next) => {
  if (c.get('caller').kind !== 'admin') throw new DomainError('forbidden', 'a workspace token cannot do this')
  await next()
})

/**
 * For doors of one workspace, which its own agent may use too.
 * @throws DomainError `not_found` for another's workspace: whether it exists is not for them to know
 */
export function assertMayUse(c: Context<AppEnv>, workspaceId: string): void {
  const caller = c.get('caller')
  if (caller.kind === 'workspace' && caller.workspaceId !== workspaceId) {
    throw new DomainError('not_found', 'workspace not found')
  }
}
