// The Worker in workerd with Cloudflare's limit of the free plan: 50 subrequests in an invocation, including statements. The
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

/** Actions and observations of a caller. */
function createCaller(worker: WorkerFixture) {
  const list = async () => (await (await worker.call('/workspaces')).json()) as (Json & { id: string })[]
  const statuses = async () => (await list()).map(({ status }) => status)

  /** @param afterRun what happens between two runs of the cron trigger */
  async function createReady(count: number, afterRun = async () => {}): Promise<string[]> {
    const ids: string[] = []
    for (let n = 0; n < count; n++) {
      const response = await worker.call('/workspaces', {
        method: 'POST',
        json: { name: `worker ${n}`, runtime: 'hermes' },
      })
      expect(response.status).toBe(201)
      ids.push(((await response.json()) as { id: string }).id)
    }
    await expect
      .poll(
        async () => {
          await worker.runCron().catch(() => {})
          await afterRun()
          return new Set(await statuses())
        },
        { timeout: 100_000, interval: 250 },
      )
      .toEqual(new Set(['ready']))
    return ids
  }

  async function storeMessage(id: string): Promise<string> {
    const accepted = await worker.call(`/workspaces/${id}/a2a`, {
      method: 'POST',
      headers: { prefer: 'respond-async' },
      json: askRegion('later'),
    })
    expect(accepted.status).toBe(202)
    return accepted.headers.get('location') ?? ''
  }

  async function statesOf(messages: string[]): Promise<unknown[]> {
    const read = async (message: string) => (await (await worker.call(message)).json()) as Json
    return (await Promise.all(messages.map(read))).map(({ state }) => state)
  }

  /** Ends all leases, as two minutes would. */
  async function endLeases(): Promise<void> {
    const client = new Client({ connectionString: worker.database })
    await client.connect()
    await client.query('update workspaces set leased_until = now() where leased_until is not null')
    await client.query('update messages set leased_until = now() where leased_until is not null')
    await client.end()
  }

  const invocations = async () => (await (await fetch(`${worker.url}/_invocations`)).json()) as Invocation[]

  return { createReady, endLeases, invocations, storeMessage, statesOf, statuses }
}

const hibernateAll = (worker: WorkerFixture, ids: string[]) =>
  Promise.all(ids.map((id) => worker.call(`/workspaces/${id}/hibernate`, { method: 'POST' })))

const machinesAre = (worker: WorkerFixture, states: string[]) =>
  expect.poll(() => worker.emulator.machines().map(({ state }) => state), { timeout: 30_000 }).toEqual(states)

describe('a Worker with the right SUBREQUEST_LIMIT', () => {
  let worker: WorkerFixture
  beforeAll(async () => {
    worker = await startWorkerFixture(
      code,
      {},
      { SUBREQUEST_LIMIT: String(FREE_PLAN) },
      { subrequests: FREE_PLAN },
    )
  })
  afterAll(() => worker.close())

  test('several runs, two at once, finish the work within the subrequest limit', async () => {
    const { createReady, invocations, storeMessage, statesOf, statuses } = createCaller(worker)
    const ids = await createReady(2)
    await hibernateAll(worker, ids)
    const messages = await Promise.all([...ids, ...ids, ...ids, ...ids].map(storeMessage))

    expect(await worker.runCron()).toBe('ok')
    expect(await statesOf(messages)).toContain('queued')
    for (let runs = 0; runs < 20 && (await statesOf(messages)).includes('queued'); runs++) {
      expect(await Promise.all([worker.runCron(), worker.runCron()])).toEqual(['ok', 'ok'])
    }
    expect(new Set(await statesOf(messages))).toEqual(new Set(['answered']))
    expect(await statuses()).toEqual(ids.map(() => 'ready'))
    await machinesAre(
      worker,
      ids.map(() => 'started'),
    )

    const all = await invocations()
    expect(all.filter(({ refused }) => refused > 0)).toEqual([])
    expect(Math.max(...all.map(({ asked }) => asked))).toBeLessThanOrEqual(FREE_PLAN)
  })

  test('waiting requests are answered within the subrequest limit', async () => {
    const { invocations, statuses } = createCaller(worker)
    const before = (await invocations()).length
    const response = await worker.call('/workspaces', {
      method: 'POST',
      headers: { prefer: 'wait=20' },
      json: { name: 'waited for', runtime: 'hermes' },
    })
    expect(response.status).toBe(201)
    const { id } = (await response.json()) as { id: string }
    for (const name of ['one', 'two', 'three', 'four'])
      await worker.call('/workspaces', { method: 'POST', json: { name, runtime: 'hermes', parent_id: id } })
    const removed = await worker.call(`/workspaces/${id}?confirm=true`, {
      method: 'DELETE',
      headers: { prefer: 'wait=5' },
    })
    expect(await removed.json()).toMatchObject({ status: 'removed', cascade_deleted: 4 })
    await expect
      .poll(
        async () => {
          await worker.runCron()
          return worker.emulator.machines().filter(({ state }) => state !== 'destroyed').length
        },
        { timeout: 60_000, interval: 250 },
      )
      .toBe((await statuses()).length)
    const since = (await invocations()).slice(before)
    expect(since.filter(({ asked, refused }) => refused > 0 || asked > FREE_PLAN)).toEqual([])
  })
})

describe('a Worker that exceeds its limit again and again', () => {
  let worker: WorkerFixture
  beforeAll(async () => {
    // Its setting allows more than the limit: it assumes the paid plan.
    worker = await startWorkerFixture(code, {}, {}, { subrequests: 22 })
  })
  afterAll(() => worker.close())

  test('a Worker that exceeds its limit finishes after its leases expire, and sends nothing twice', async () => {
    const { createReady, endLeases, invocations, storeMessage, statesOf, statuses } = createCaller(worker)
    // A run that is cut off keeps its leases.
    const ids = await createReady(2, endLeases)
    await hibernateAll(worker, ids)
    const messages = await Promise.all(ids.map(storeMessage))
    const isDone = async () =>
      !(await statesOf(messages)).some((state) => state === 'queued' || state === 'sending') &&
      (await statuses()).every((status) => status === 'ready')
    for (let runs = 0; runs < 30 && !(await isDone()); runs++) {
      await worker.runCron().catch(() => {})
      await endLeases()
    }
    expect(await isDone()).toBe(true)
    await machinesAre(
      worker,
      ids.map(() => 'started'),
    )
    expect((await invocations()).some(({ refused }) => refused > 0)).toBe(true)
  })
})
