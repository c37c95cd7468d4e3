// DRIFT_POLICY=undo: a machine that others changed at Fly gets the requested configuration again.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { workspaceSteps } from '../support/workspace-steps.ts'

const QUIET_IMAGE = 'ghcr.io/molecule-ai/quiet'

/** An agent that sends no heartbeat of its own. */
const quiet: Program = async (machine) => {
  await machine.listen(8000, () => Response.json({ name: 'quiet' }))
  return new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))
}

let h: Harness
beforeEach(async () => {
  h = await createHarness({ env: { DRIFT_POLICY: 'undo' }, programs: { [QUIET_IMAGE]: quiet } })
})
afterEach(() => h.close())

const { read } = workspaceSteps(() => h)

const explain = async (id: string) => (await h.request(`/workspaces/${id}/explain`)).body

async function sweepLater(ms = 61_000): Promise<void> {
  h.advance(ms)
  await h.sweep({ patienceMs: 500 })
}

async function sweepUntil(id: string, isDone: (row: Json) => boolean): Promise<Json> {
  for (let sweeps = 0; sweeps < 30; sweeps++) {
    await sweepLater()
    const row = await read(id)
    if (row['status'] === 'ready' && isDone(row)) return row
  }
  throw new Error(`it did not come: ${JSON.stringify(await read(id))}`)
}

/** Sweeps until the workspace is ready in a newer generation, and without drift. */
const untilUndone = (id: string, generation: unknown) =>
  sweepUntil(
    id,
    (row) => Number(row['generation']) > Number(generation) && (row['drift'] as Json[]).length === 0,
  )

/** Sweeps until the change is reported. */
const untilReported = (id: string) => sweepUntil(id, ({ drift }) => (drift as Json[]).length > 0)

const eventsOf = async (id: string) => {
  const { body } = await h.request<{ events: { type: string }[] }>(`/events?workspace_id=${id}&limit=500`)
  return body.events.map(({ type }) => type)
}

/** `fly machine update` reads the config, changes it, and sends all of it. */
async function addVariable(machineId: unknown): Promise<void> {
  const { config } = await h.fly<{ config: Json & { env: Json } }>('GET', `/${String(machineId)}`)
  await h.fly('POST', `/${String(machineId)}`, { config: { ...config, env: { ...config.env, DEBUG: '1' } } })
  await h.fly('GET', `/${String(machineId)}/wait?state=started&timeout=5`)
}
const beat = async (id: string, active_tasks: number) =>
  h.request('/registry/heartbeat', {
    method: 'POST',
    headers: { authorization: `Bearer ${await h.tokenOf(id)}` },
    json: { workspace_id: id, active_tasks },
  })

test('a change by others is undone by a new generation, with its reason in an event', async () => {
  const { id, machine_id, generation } = await h.createWorkspace()
  await addVariable(machine_id)
  expect(await untilUndone(id, generation)).toMatchObject({
    machine_id,
    generation: Number(generation) + 1,
    reason: null,
  })
  expect((await h.machineOf(id)).config.env).not.toHaveProperty('DEBUG')
  const { body } = await h.request<{ events: { payload: Json }[] }>(
    `/events?workspace_id=${id}&types=drift_undone`,
  )
  expect(body.events).toMatchObject([
    {
      payload: {
        machine_id,
        reason: {
          code: 'changed_outside',
          message: `Machine ${String(machine_id)} was changed, and not by this control plane (configuration).`,
        },
      },
    },
  ])
})

test('a cordon is undone', async () => {
  const { id, machine_id, generation } = await h.createWorkspace()
  await h.fly('POST', `/${String(machine_id)}/cordon`)
  await untilUndone(id, generation)
  expect(await h.fly<Json>('GET', `/${String(machine_id)}`)).not.toMatchObject({ cordoned: true })
})

test('a change by others is undone only after the work of the agent has ended', async () => {
  const { id, machine_id, generation } = await h.createWorkspace({ image: QUIET_IMAGE })
  await addVariable(machine_id)
  await beat(id, 1)
  expect(await untilReported(id)).toMatchObject({ generation, drift: [{ field: 'configuration' }] })
  expect(await explain(id)).toMatchObject({
    next: { step: 'wait', sentence: expect.stringMatching(/changed by others, but .* undone later/) },
  })
  await beat(id, 0)
  await untilUndone(id, generation)
})

test('a change that others repeat again and again is only reported in the end', async () => {
  const { id, machine_id } = await h.createWorkspace()
  for (let times = 0; times < 5; times++) {
    const { generation } = await read(id)
    await addVariable(machine_id)
    await untilUndone(id, generation)
  }
  const { generation } = await read(id)
  await addVariable(machine_id)
  await untilReported(id)
  await sweepLater()
  expect(await read(id)).toMatchObject({ status: 'ready', generation, drift: [{ field: 'configuration' }] })
  expect(await eventsOf(id).then((types) => types.filter((type) => type === 'drift_undone'))).toHaveLength(5)
  expect(await explain(id)).toMatchObject({
    next: { step: 'rest', sentence: expect.stringContaining('only reported') },
  })
})
