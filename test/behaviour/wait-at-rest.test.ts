// `Prefer: wait` answers when the workspace is at rest: its machine is where the new status wants it, not only asked to go there.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHarness, type Harness } from '../support/harness.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())

test.each([
  ['pause', 'paused', 'stopped'],
  ['hibernate', 'hibernated', 'suspended'],
])('the command %s with Prefer: wait answers when the machine is at rest', async (command, status, state) => {
  const { id } = await h.createWorkspace()
  const { body } = await h.request(`/workspaces/${id}/${command}`, {
    method: 'POST',
    headers: { prefer: 'wait=20' },
  })
  expect(body).toMatchObject({ status })
  expect((await h.request(`/workspaces/${id}`)).body).toMatchObject({ status, machine_state: state })
})

test('a wait does not last longer when the clock is set back', async () => {
  const slow = h.emulator.faults.add({ kind: 'latency', action: 'machine.create', ms: 1_000_000 })
  try {
    const { body } = await h.request('/workspaces', {
      method: 'POST',
      json: { name: 'slow', runtime: 'hermes' },
    })
    const waited = h.request(`/workspaces/${String(body['id'])}`, { headers: { prefer: 'wait=1' } })
    await delay(300)
    h.advance(-300_000)
    expect((await waited).body).toMatchObject({ status: 'provisioning' })
  } finally {
    h.emulator.faults.remove(slow)
    h.advance(300_000)
  }
})
