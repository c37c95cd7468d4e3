// Restarts and hibernations wait for streams and tasks that are under way, within DRAIN_SECONDS.
import { setTimeout as delay } from 'node:timers/promises'
import { eq, sql } from 'drizzle-orm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { workspaces } from '../../drizzle/schema/index.ts'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { askRegion, createHarness, type Harness } from '../support/harness.ts'

/** Ends of the answers that the slow agent has begun. */
let ends: (() => void)[] = []

/** Answers the card at once, and a message when the test says so. */
const slow: Program = async (machine) => {
  await machine.listen(8000, (request) => {
    if (request.method === 'GET') return Response.json({ name: 'slow' })
    return new Promise((resolve) =>
      ends.push(() => resolve(Response.json({ jsonrpc: '2.0', id: '1', result: 'done' }))),
    )
  })
  return new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))
}

const WITHIN = { timeout: 20_000 }

let h: Harness
beforeEach(async () => {
  ends = []
  h = await createHarness({ programs: { 'ghcr.io/molecule-ai/slow': slow } })
})
afterEach(() => h.close())

const read = async (id: string) => (await h.request(`/workspaces/${id}`)).body
const command = (id: string, name: string) => h.request(`/workspaces/${id}/${name}`, { method: 'POST' })

async function sweeps(count: number, ms: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    await Promise.race([h.untilIdle(), delay(50)])
    h.advance(ms)
    await h.sweep()
  }
}

/** A ready workspace with one message that its agent has not answered. */
async function withMessage() {
  const { id } = await h.createWorkspace({ image: 'ghcr.io/molecule-ai/slow' })
  const answer = h.request(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion() })
  await expect.poll(() => ends.length, WITHIN).toBe(1)
  const bootedAt = (await h.machineOf(id)).config.metadata['generation']
  return { id, answer, bootedAt }
}

test('a restart waits until a message in flight is answered, and says so', async () => {
  const { id, answer, bootedAt } = await withMessage()
  expect((await command(id, 'restart')).body).toMatchObject({ status: 'provisioning', generation: 2 })
  await sweeps(3, 5_000)
  expect((await h.machineOf(id)).config.metadata['generation']).toBe(bootedAt)
  expect((await h.request(`/workspaces/${id}/explain`)).body).toMatchObject({
    next: {
      step: 'wait',
      sentence: expect.stringContaining('A request to it is in flight: the machine runs on'),
    },
  })
  ends[0]?.()
  expect((await answer).body).toMatchObject({ result: 'done' })
  await expect.poll(async () => (await sweeps(1, 5_000), (await read(id))['status']), WITHIN).toBe('ready')
  expect((await h.machineOf(id)).config.metadata['generation']).toBe('2')
})

test('a restart waits for DRAIN_SECONDS at most', async () => {
  const { id, answer } = await withMessage()
  await command(id, 'restart')
  await sweeps(1, 121_000)
  await expect.poll(async () => (await sweeps(1, 5_000), (await read(id))['status']), WITHIN).toBe('ready')
  expect((await h.machineOf(id)).config.metadata['generation']).toBe('2')
  expect((await answer).status).not.toBe(200)
})

test('a forced restart does not wait', async () => {
  const { id, answer } = await withMessage()
  await command(id, 'restart?force=true')
  await expect.poll(async () => (await sweeps(1, 1_000), (await read(id))['status']), WITHIN).toBe('ready')
  expect((await h.machineOf(id)).config.metadata['generation']).toBe('2')
  expect((await answer).status).not.toBe(200)
})

test('a restart waits until the agent reports that its tasks have ended', async () => {
  const { id } = await h.createWorkspace({ image: 'ghcr.io/molecule-ai/slow' })
  const token = await h.tokenOf(id)
  const beat = (active_tasks: number) =>
    h.request('/registry/heartbeat', {
      method: 'POST',
      json: { workspace_id: id, active_tasks },
      headers: { authorization: `Bearer ${token}` },
    })
  await beat(2)
  await command(id, 'restart')
  await sweeps(2, 5_000)
  expect(await read(id)).toMatchObject({ status: 'provisioning', active_tasks: 2 })
  expect((await h.machineOf(id)).config.metadata['generation']).toBe('1')
  await beat(0)
  await expect.poll(async () => (await sweeps(1, 1_000), (await read(id))['status']), WITHIN).toBe('ready')
  expect((await h.machineOf(id)).config.metadata['generation']).toBe('2')
})

test('a message that waits for a restarted workspace does not delay the restart', async () => {
  const { id, answer } = await withMessage()
  await command(id, 'restart')
  const waiting = h.request(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion() })
  ends[0]?.()
  expect((await answer).status).toBe(200)
  await expect.poll(async () => (await sweeps(1, 2_000), ends.length), WITHIN).toBe(2)
  ends[1]?.()
  expect((await waiting).body).toMatchObject({ result: 'done' })
})

test('a hibernation waits until a message in flight is answered', async () => {
  const { id, answer } = await withMessage()
  expect((await command(id, 'hibernate')).body).toMatchObject({ status: 'hibernated' })
  await sweeps(3, 5_000)
  expect((await h.machineOf(id)).state).toBe('started')
  ends[0]?.()
  expect((await answer).body).toMatchObject({ result: 'done' })
  await expect
    .poll(async () => (await sweeps(1, 5_000), (await h.machineOf(id)).state), WITHIN)
    .toBe('suspended')
})

/** Another process has had a request to the workspace for long: it marks the workspace, by the clock of the database. */
const mark = (id: string, minutes: number) =>
  h.db
    .update(workspaces)
    .set({ busyUntil: sql`now() + make_interval(secs => ${minutes * 60})` })
    .where(eq(workspaces.id, id))

test('a restart waits for a message in flight in another process, whose clock is a minute behind', async () => {
  const { id } = await h.createWorkspace()
  h.advance(60_000)
  await h.sweep()
  await mark(id, 0.5)
  await command(id, 'restart')
  await sweeps(3, 5_000)
  expect((await h.machineOf(id)).config.metadata['generation']).toBe('1')
  await mark(id, 0)
  await expect.poll(async () => (await sweeps(1, 5_000), (await read(id))['status']), WITHIN).toBe('ready')
  expect((await h.machineOf(id)).config.metadata['generation']).toBe('2')
})

test('an idle workspace stays awake for a message in flight in another process', async () => {
  const { id } = await h.createWorkspace({ idle_minutes: 1 })
  await mark(id, 10)
  h.advance(5 * 60_000)
  expect((await h.sweep()).hibernated).toBe(0)
  h.advance(6 * 60_000)
  expect((await h.sweep()).hibernated).toBe(1)
})
