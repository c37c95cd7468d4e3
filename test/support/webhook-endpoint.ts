// A client for webhook endpoints whose events go to the receiver of webhook-receiver.ts: it writes events, moves both clocks and
// reads what was delivered.
import { events } from '../../drizzle/schema/index.ts'
import { createHarness, type Harness, type Json } from './harness.ts'
import type { Receiver } from './webhook-receiver.ts'

const HOST = 'https://receiver.example'
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

export type Endpoint = Json & { id: string; secret: string }

export const openWebhookHarness = (receiver: Receiver) =>
  createHarness({
    env: {
      SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'k').toString('base64'),
      EVENTS_RETENTION_DAYS: '30',
    },
    hosts: { [HOST]: (request) => receiver.forward(request) },
  })

/** The sequence numbers of delivered events. */
export const numbers = (list: { data: { seq: number } }[]) => list.map(({ data }) => data.seq)

/** Ids of workspaces that do not exist: events may be about them. */
export const workspacesOf = (count: number) => Array.from({ length: count }, () => crypto.randomUUID())

/**
 * @param harness of the test file, once it is open
 * @param receiver of the test file, once it runs
 * @param endpoint that functions are about unless a test names another
 */
export function webhookClient(harness: () => Harness, receiver: () => Receiver, endpoint: () => Endpoint) {
  let ahead = 0

  /** Advances the clocks of both sides. */
  async function pass(ms: number): Promise<void> {
    harness().advance(ms)
    ahead += ms
    await receiver().control({ ahead })
  }

  /** Creates an endpoint for a type of event that only `write` writes. */
  async function create(input: Json = {}): Promise<Endpoint> {
    const { body, status } = await harness().request<Endpoint>('/webhook-endpoints', {
      method: 'POST',
      json: { url: `${HOST}/hook`, types: ['machine_created'], ...input },
    })
    if (status !== 201) throw new Error(`the create was answered with ${status}: ${JSON.stringify(body)}`)
    return body
  }

  /** Deletes every endpoint and resets the receiver. @returns a new endpoint, which the receiver accepts */
  async function reset(): Promise<Endpoint> {
    await harness().untilIdle()
    for (const { id } of (await harness().request<Endpoint[]>('/webhook-endpoints')).body) {
      await harness().request(`/webhook-endpoints/${id}`, { method: 'DELETE' })
    }
    const created = await create()
    await receiver().control({
      secrets: [created.secret],
      status: 204,
      headers: {},
      body: '',
      delay: 0,
      refuse: [],
    })
    await receiver().clear()
    return created
  }

  const read = async (id = endpoint().id) =>
    (await harness().request<Endpoint>(`/webhook-endpoints/${id}`)).body
  const patch = (json: Json, id = endpoint().id) =>
    harness().request<Endpoint>(`/webhook-endpoints/${id}`, { method: 'PATCH', json })
  const deliveries = async (query = '') =>
    (await harness().request<Json[]>(`/webhook-endpoints/${endpoint().id}/deliveries${query}`)).body

  /** Writes events of these workspaces in turn. @returns their sequence numbers */
  async function write(count: number, workspaces: string[] = [crypto.randomUUID()]): Promise<number[]> {
    const rows = Array.from({ length: count }, (_, n) => ({
      workspaceId: workspaces[n % workspaces.length] ?? null,
      type: 'machine_created',
      generation: 1,
      payload: { n },
      at: harness().now(),
    }))
    const written = await harness().db.insert(events).values(rows).returning({ seq: events.seq })
    return written.map(({ seq }) => seq)
  }

  /** Runs delivery passes and advances the clock between them until nothing is left to deliver. */
  async function drain(stepMs: number, most = 200): Promise<void> {
    for (let n = 0; n < most; n++) {
      await harness().deliver()
      const { pending, behind, enabled } = await read()
      if (enabled === false || (pending === 0 && behind === 0)) return
      await pass(stepMs)
    }
    throw new Error(`not drained: ${JSON.stringify(await read())}`)
  }

  /** The number of attempts that timed out. */
  async function timedOut(): Promise<number> {
    const { body } = await harness().request<string>('/metrics')
    return Number(/^molecule_webhook_deliveries_total\{outcome="no_answer"\} (\d+)$/m.exec(body)?.[1] ?? 0)
  }

  /** The deliveries that the receiver accepted, in the order of their arrival. */
  const accepted = async () => (await receiver().received()).filter(({ status }) => status < 300)

  return { pass, create, reset, read, patch, deliveries, write, drain, timedOut, accepted }
}
