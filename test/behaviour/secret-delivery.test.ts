// The delivery of secrets to machines: values pass through the secrets of the Fly app, which lists of machines do not show, and are
// deleted there once no machine can need them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { isStillNeeded } from '../../lib/secrets/delete-delivered.ts'
import { createHarness, type Harness } from '../support/harness.ts'

const KEY = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='

let h: Harness
const guests = new Map<string, Record<string, string>>()
const recordingAgent: Program = (machine) => {
  guests.set(machine.env['WORKSPACE_ID'] ?? '', machine.env)
  return sampleAgent(machine)
}
beforeAll(async () => {
  h = await createHarness({
    env: { SECRETS_ENCRYPTION_KEY: KEY },
    programs: { 'ghcr.io/molecule-ai/workspace-hermes*': recordingAgent },
  })
})
afterAll(() => h.close())

async function appSecrets(method = 'GET', values?: Record<string, string | null>) {
  const response = await h.emulator.api.fetch(
    new Request('http://fly.test/v1/apps/test-app/secrets?show_secrets=true', {
      method,
      headers: { authorization: 'Bearer operator', 'content-type': 'application/json' },
      ...(values === undefined ? {} : { body: JSON.stringify({ values }) }),
    }),
  )
  const { secrets } = (await response.json()) as { secrets: { name: string; value: string }[] }
  return secrets
}

const namesOf = async (id: string) =>
  (await appSecrets())
    .map(({ name }) => name)
    .filter((name) => name.includes(id.replaceAll('-', '').toUpperCase()))

/** Runs retention again, which is due after ten minutes. */
async function runDueRetention(): Promise<void> {
  h.advance(11 * 60_000)
  await h.runRetention()
}

test('the list of machines shows neither tokens nor secrets, and the agent gets them all', async () => {
  const { id, status } = await h.createWorkspace({ secrets: { API_KEY: 'a-key-of-the-customer' } })
  expect(status).toBe('ready')
  const token = await h.tokenOf(id)
  expect(guests.get(id)).toMatchObject({ API_KEY: 'a-key-of-the-customer', MOLECULE_WORKSPACE_TOKEN: token })
  const shown = JSON.stringify(await h.fly('GET', ''))
  const values = (await appSecrets()).map(({ value }) => value)
  expect(values.length).toBeGreaterThanOrEqual(4)
  for (const value of values) {
    expect(shown).not.toContain(value)
    expect(shown).not.toContain(btoa(value))
  }
})

test('a machine gets its own secrets, and neither those of another workspace nor those of the app', async () => {
  await appSecrets('POST', { STRIPE_KEY: 'of-another-service' })
  const one = await h.createWorkspace({ secrets: { ONE: 'x' } })
  const two = await h.createWorkspace({ secrets: { TWO: 'y' } })
  expect(guests.get(one.id)).toMatchObject({ ONE: 'x' })
  for (const other of ['TWO', 'STRIPE_KEY']) expect(guests.get(one.id)).not.toHaveProperty(other)
  expect(guests.get(two.id)).not.toHaveProperty('ONE')
})

describe('retention', () => {
  test('delivered secrets of older machines are deleted, and those of the current machine are kept', async () => {
    const { id } = await h.createWorkspace({ secrets: { OLD: 'x', KEPT: 'y' } })
    await h.request(`/workspaces/${id}/secrets/OLD?restart=true`, {
      method: 'DELETE',
      headers: { prefer: 'wait=20' },
    })
    await h.untilIdle()
    expect(guests.get(id)).toMatchObject({ KEPT: 'y' })
    expect(await namesOf(id)).toHaveLength(9)
    await runDueRetention()
    const names = await namesOf(id)
    expect(names).toHaveLength(4)
    expect(names.every((name) => name.includes('_2_'))).toBe(true)
    expect(names.join(' ')).not.toContain('OLD')
  })

  test('delivered secrets of a removed workspace are deleted, and those of others are kept', async () => {
    await appSecrets('POST', {
      STRIPE_KEY: 'of-another-service',
      MW_00000000_00000000000000000000000000000000_1_E_KEY: 'of another control plane',
    })
    const { id } = await h.createWorkspace({ secrets: { GOING: 'x' } })
    const staying = await h.createWorkspace({ secrets: { STAYING: 'x' } })
    await h.request(`/workspaces/${id}`, { method: 'DELETE', headers: { prefer: 'wait=20' } })
    await h.untilIdle()
    await h.sweep()
    await runDueRetention()
    expect(await namesOf(id)).toEqual([])
    expect(await namesOf(staying.id)).toHaveLength(4)
    expect((await appSecrets()).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['STRIPE_KEY', 'MW_00000000_00000000000000000000000000000000_1_E_KEY']),
    )
  })

  test('delivered secrets are kept until Fly confirms that the machine is destroyed', async () => {
    const { id } = await h.createWorkspace({ secrets: { LOST: 'x' } })
    const fault = h.emulator.faults.add({ kind: 'answer', status: 503, action: 'machine.delete' })
    await h.request(`/workspaces/${id}`, { method: 'DELETE' })
    await h.untilIdle()
    await runDueRetention()
    expect(await namesOf(id)).not.toEqual([])
    h.emulator.faults.remove(fault)
  })
})

test('delivered secrets are deleted only where no launch can use their names again', () => {
  const secret = { name: 'x', workspaceId: 'w', generation: 3 }
  const holder = {
    id: 'w',
    app: 'here',
    launchId: 'l',
    machineId: 'm',
    machineGeneration: 3,
    status: 'ready',
  } as const
  const table: [boolean, Parameters<typeof isStillNeeded>[2]][] = [
    [false, undefined],
    [true, holder],
    [false, { ...holder, machineGeneration: 4 }],
    [true, { ...holder, machineGeneration: 2 }],
    [true, { ...holder, machineId: null, machineGeneration: null }],
    // Its launch was refused and may be repeated under the same names.
    [true, { ...holder, launchId: null, status: 'provisioning' }],
    [true, { ...holder, launchId: null, status: 'paused' }],
    [false, { ...holder, launchId: null, status: 'removed' }],
    [false, { ...holder, launchId: null, status: 'failed' }],
    [true, { ...holder, status: 'removed' }],
    [false, { ...holder, app: 'there' }],
    [true, { ...holder, app: 'there', machineId: null }],
    [true, { ...holder, app: 'there', machineGeneration: 2 }],
  ]
  for (const [needed, row] of table) expect([row, isStillNeeded('here', secret, row)]).toEqual([row, needed])
})

test('a Fly token that may not set secrets fails the workspace, and the reason names the permission', async () => {
  const fault = h.emulator.faults.add({ kind: 'answer', status: 403, action: 'secrets.update' })
  const { reason, status } = await h.createWorkspace()
  h.emulator.faults.remove(fault)
  expect({ status, reason }).toMatchObject({
    status: 'failed',
    reason: {
      code: 'secrets_refused',
      message: expect.stringContaining('did not let FLY_API_TOKEN set') as string,
    },
  })
})

test('a create is retried when the host does not have the secrets yet', async () => {
  h.emulator.faults.add({
    kind: 'answer',
    status: 412,
    action: 'machine.create',
    body: 'failed_precondition: min_secrets_version has not been reached',
    times: 1,
  })
  const { body } = await h.request<{ id: string }>('/workspaces', {
    method: 'POST',
    json: { name: 'test', runtime: 'hermes', tier: 2 },
  })
  await h.untilIdle()
  const read = async () => (await h.request(`/workspaces/${body.id}`)).body['status']
  for (let sweeps = 0; sweeps < 10 && (await read()) === 'provisioning'; sweeps++) {
    h.advance(60_000)
    await h.sweep()
    await h.untilIdle()
  }
  expect(await read()).toBe('ready')
})

test('the log of calls to Fly contains no value of a secret', async () => {
  expect(JSON.stringify(await h.logs())).not.toContain('a-key-of-the-customer')
})
