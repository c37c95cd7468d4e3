// Receivers of events: two webhook endpoints and a receiver that verifies and counts deliveries, and that is down, slow or
// resets connections at times. Every event of the log must have arrived, and the first arrivals of a workspace's events in order.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import { ADMINS_ONLY, isEventType } from '../../../lib/events/event-types.ts'
import type { Remains } from '../checks/remains.ts'
import type { ControlPlane } from '../control-plane.ts'
import type { Load, Violation } from '../parts.ts'
import { type Chance, sleep } from '../random.ts'
import { createClient } from './client.ts'

type Received = { seq: number; workspaceId: string | null }
type Endpoint = { id: string; ordered: boolean; secret: string; received: Received[]; requests: number }

/** How the receiver answers, and how often it changes to that. */
const MOODS = { good: 12, down: 2, slow: 2, reset: 1 }

/** Milliseconds of the run's clock. */
const SLOW_MS = 2_000

const isSent = (type: string) => isEventType(type) && !ADMINS_ONLY.includes(type)

export function webhooks(controlPlane: ControlPlane, chance: Chance): Load & { close: () => void } {
  const { call } = createClient(controlPlane, chance)
  const endpoints: Endpoint[] = []
  let mood: keyof typeof MOODS = 'good'
  const server = createServer((request, response) => void receive(request, response))

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const endpoint = endpoints[Number(request.url?.slice(1))]
    const body = await text(request).catch(() => undefined)
    if (endpoint === undefined || body === undefined) return void response.writeHead(404).end()
    endpoint.requests++
    if (mood === 'reset') return void request.socket.destroy()
    if (mood === 'down') return void response.writeHead(503).end()
    if (mood === 'slow') await sleep(SLOW_MS)
    try {
      const { data } = new Webhook(endpoint.secret).verify(
        body,
        request.headers as Record<string, string>,
      ) as {
        data: { seq: number; workspace_id: string | null }
      }
      endpoint.received.push({ seq: data.seq, workspaceId: data.workspace_id })
      response.writeHead(204).end()
    } catch {
      // Signed by a replica whose clock is wrong by more than the library allows.
      response.writeHead(401).end()
    }
  }

  async function create(ordered: boolean, over: AbortSignal): Promise<void> {
    const at = endpoints.length
    const { port } = server.address() as AddressInfo
    // All events, from the first.
    const body = { url: `http://127.0.0.1:${port}/${at}`, ordered, after: 0 }
    while (!over.aborted) {
      const answer = await call('POST', '/webhook-endpoints', { body, isPatient: true })
      if (answer?.status === 201) {
        const { id, secret } = answer.body
        endpoints.push({ id: String(id), ordered, secret: String(secret), received: [], requests: 0 })
        return
      }
      await chance.pause(500, 1_500)
    }
  }

  return {
    name: 'webhooks',
    async run(over) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      await create(true, over)
      await create(false, over)
      while (!over.aborted) {
        mood = chance.weighed(MOODS)
        await chance.pause(1_000, 6_000)
      }
      mood = 'good'
    },
    open: (remains) => endpoints.flatMap((endpoint) => behind(endpoint, remains)),
    wrong: (remains) =>
      endpoints.flatMap((endpoint) => [...lost(endpoint, remains), ...outOfOrder(endpoint)]),
    figures: () => ({ webhooks: endpoints.reduce((sum, { received }) => sum + received.length, 0) }),
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** What is still to be delivered. */
function behind({ id }: Endpoint, { deliveries, endpoints, log }: Remains): Violation[] {
  const row = endpoints.find((one) => one.id === id)
  const pending = deliveries.filter(
    ({ endpointId, state }) => endpointId === id && state === 'pending',
  ).length
  const later = log.filter(({ seq, type }) => seq > (row?.afterSeq ?? 0) && isSent(type)).length
  if (pending + later === 0) return []
  const due = row?.restsUntil ?? row?.dueAt
  const what = `webhook endpoint ${id} has ${pending} deliveries pending and ${later} events before it, due ${due?.toISOString() ?? 'now'}`
  return [{ kind: 'stuck', what }]
}

function lost({ id, received }: Endpoint, { endpoints, log }: Remains): Violation[] {
  const row = endpoints.find((one) => one.id === id)
  const arrived = new Set(received.map(({ seq }) => seq))
  const violations = log
    .filter(({ seq, type }) => isSent(type) && !arrived.has(seq))
    .map(({ seq, type, workspaceId }): Violation => ({
      kind: 'webhook lost',
      workspace: workspaceId ?? undefined,
      what: `event ${seq} (${type}) did not arrive at the endpoint ${id}`,
    }))
  if (row?.disabledAt === null) return violations
  return [
    { kind: 'unexplained', what: `webhook endpoint ${id} was disabled: ${row?.disabledReason}` },
    ...violations,
  ]
}

/** An event may arrive again, but none arrives for the first time after a later one of its workspace. */
function outOfOrder({ id, ordered, received }: Endpoint): Violation[] {
  if (!ordered) return []
  const highest = new Map<string | null, number>()
  const seen = new Set<number>()
  return received.flatMap(({ seq, workspaceId }): Violation[] => {
    if (seen.has(seq)) return []
    seen.add(seq)
    const before = highest.get(workspaceId) ?? 0
    highest.set(workspaceId, Math.max(before, seq))
    if (seq > before) return []
    const what = `event ${seq} arrived at the endpoint ${id} after event ${before}`
    return [{ kind: 'unexplained', workspace: workspaceId ?? undefined, what }]
  })
}
