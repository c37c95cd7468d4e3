// The Worker in workerd under Cloudflare's limit of the free plan: 50 requests in an invocation, statements included, and the
// next one throws.
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askRegion, type Json } from '../support/harness.ts'
import { type Invocation, startWorkerFixture, type WorkerFixture } from '../support/worker.ts'
import { bundleWorker } from '../support/worker-bundle.ts'

const FREE_PLAN = 50

let code: string
beforeAll(async () => {
  code = (await bundleWorker()).code
})

/** What callers can do and see, at a place whose Worker is limited. */
function visit(place: WorkerFixture) {
  const list = async () => (await (await place.call('/workspaces')).json()) as (Json & { id: string })[]
  const statuses = async () => (await list()).map(({ status }) => status)

  async function createReady(count: number): Promise<string[]> {
    const ids: string[] = []
    for (let n = 0; n < count; n++) {
      const response = await place.call('/workspaces', {
        method: 'POST',
        json: { name: `worker ${n}`, runtime: 'hermes' },
      })
      expect(response.status).toBe(201)
      ids.push(((await response.json()) as { id: string }).id)
    }
    await expect
      .poll(
        async () => {
          await place.runCron()
          return new Set(await statuses())
        },
        { timeout: 20_000, interval: 50 },
      )
      .toEqual(new Set(['ready']))
    return ids
  }

  async function leaveMessage(id: string): Promise<string> {
    const accepted = await place.call(`/workspaces/${id}/a2a`, {
      method: 'POST',
      headers: { prefer: 'respond-async' },
      json: askRegion('later'),
    })
    expect(accepted.status).toBe(202)
    return accepted.headers.get('location') ?? ''
  }

  async function statesOf(messages: string[]): Promise<unknown[]> {
    const read = async (message: string) => (await (await place.call(message)).json()) as Json
    return (await Promise.all(messages.map(read))).map(({ state }) => state)
  }

  /** What a cron trigger would find in two minutes. */
  async function endLeases(): Promise<void> {
    const client = new Client({ connectionString: place.database })
    await client.connect()
    await client.query('update workspaces set leased_until = now() where leased_until is not null')
    await client.query('update messages set leased_until = now() where leased_until is not null')
    await client.end()
  }

  const invocations = async () => (await (await fetch(`${place.url}/_invocations`)).json()) as Invocation[]

  return { createReady, endLeases, invocations, leaveMessage, statesOf, statuses }
}

const sleepAll = (place: WorkerFixture, ids: string[]) =>
  Promise.all(ids.map((id) => place.call(`/workspaces/${id}/hibernate`, { method: 'POST' })))

const machinesAre = (place: WorkerFixture, states: string[]) =>
  expect.poll(() => place.emulator.machines().map(({ state }) => state), { timeout: 5_000 }).toEqual(states)

describe('a Worker that knows its limit', () => {
  let place: WorkerFixture
  beforeAll(async () => {
    place = await startWorkerFixture(
      code,
      {},
      { SUBREQUEST_LIMIT: String(FREE_PLAN) },
      { subrequests: FREE_PLAN },
    )
  })
  afterAll(() => place.close())

  test('several runs, two at once, finish the work within the subrequest limit', async () => {
    const { createReady, invocations, leaveMessage, statesOf, statuses } = visit(place)
    const ids = await createReady(2)
    await sleepAll(place, ids)
    const messages = await Promise.all([...ids, ...ids, ...ids, ...ids].map(leaveMessage))

    expect(await place.runCron()).toBe('ok')
    expect(await statesOf(messages)).toContain('queued')
    for (let runs = 0; runs < 20 && (await statesOf(messages)).includes('queued'); runs++) {
      expect(await Promise.all([place.runCron(), place.runCron()])).toEqual(['ok', 'ok'])
    }
    expect(new Set(await statesOf(messages))).toEqual(new Set(['answered']))
    expect(await statuses()).toEqual(ids.map(() => 'ready'))
    await machinesAre(
      place,
      ids.map(() => 'started'),
    )

    const all = await invocations()
    expect(all.filter(({ refused }) => refused > 0)).toEqual([])
    expect(Math.max(...all.map(({ asked }) => asked))).toBeLessThanOrEqual(FREE_PLAN)
  })

  test('waiting requests are answered within the subrequest limit', async () => {
    const { invocations, statuses } = visit(place)
    const before = (await invocations()).length
    const response = await place.call('/workspaces', {
      method: 'POST',
      headers: { prefer: 'wait=20' },
      json: { name: 'waited for', runtime: 'hermes' },
    })
    expect(response.status).toBe(201)
    const { id } = (await response.json()) as { id: string }
    for (const name of ['one', 'two', 'three', 'four'])
      await place.call('/workspaces', { method: 'POST', json: { name, runtime: 'hermes', parent_id: id } })
    const removed = await place.call(`/workspaces/${id}?confirm=true`, {
      method: 'DELETE',
      headers: { prefer: 'wait=5' },
    })
    expect(await removed.json()).toMatchObject({ status: 'removed', cascade_deleted: 4 })
    await expect
      .poll(
        async () => {
          await place.runCron()
          return place.emulator.machines().filter(({ state }) => state !== 'destroyed').length
        },
        { timeout: 10_000, interval: 50 },
      )
      .toBe((await statuses()).length)
    const since = (await invocations()).slice(before)
    expect(since.filter(({ asked, refused }) => refused > 0 || asked > FREE_PLAN)).toEqual([])
  })
})

describe('a Worker that is cut off in the middle, again and again', () => {
  let place: WorkerFixture
  beforeAll(async () => {
    // It believes to be on the paid plan.
    place = await startWorkerFixture(code, {}, {}, { subrequests: 22 })
  })
  afterAll(() => place.close())

  test('a Worker that is cut off reaches the same end after its leases, and sends nothing twice', async () => {
    const { createReady, endLeases, invocations, leaveMessage, statesOf, statuses } = visit(place)
    const ids = await createReady(2)
    await sleepAll(place, ids)
    const messages = await Promise.all(ids.map(leaveMessage))
    const isDone = async () =>
      !(await statesOf(messages)).some((state) => state === 'queued' || state === 'sending') &&
      (await statuses()).every((status) => status === 'ready')
    for (let runs = 0; runs < 30 && !(await isDone()); runs++) {
      await place.runCron().catch(() => {})
      await endLeases()
    }
    expect(await isDone()).toBe(true)
    await machinesAre(
      place,
      ids.map(() => 'started'),
    )
    expect((await invocations()).some(({ refused }) => refused > 0)).toBe(true)
  })
})
