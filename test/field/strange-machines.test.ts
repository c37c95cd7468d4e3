// Machines as Fly has reported them to others: leftovers with empty fields in lists (github.com/superfly/flyctl/issues/1302,
// github.com/superfly/flyctl/issues/4936), the undocumented state `replaced` (github.com/superfly/docs/issues/1835), machines that stay
// `replacing` (github.com/Kilo-Org/cloud/issues/2648), a start that is refused meanwhile (github.com/hexclave/hexclave/issues/2060), and
// a full host on wake (github.com/Kilo-Org/cloud/issues/412, github.com/superfly/fly-go/issues/306).
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { workspaceSteps } from '../support/workspace-steps.ts'

let h: Harness
beforeEach(async () => {
  h = await createHarness()
})
afterEach(() => h.close())

const { create, read, until } = workspaceSteps(() => h)

/** Changes what Fly answers about machines. @returns how it is undone */
function rewriteMachines(change: (machines: Json[], isList: boolean) => Json[]): () => void {
  const { api } = h.emulator
  const original = api.fetch
  api.fetch = async (...args) => {
    const [request] = args
    const response = await original(...args)
    const { pathname } = new URL(request.url)
    const [, isMachine] = /\/machines(\/[^/]+)?$/.exec(pathname) ?? []
    if (request.method !== 'GET' || !/\/machines(\/[^/]+)?$/.test(pathname) || !response.ok) return response
    const body = (await response.json()) as Json | Json[]
    const changed = change(Array.isArray(body) ? body : [body], isMachine === undefined)
    return Response.json(Array.isArray(body) ? changed : changed[0], { headers: response.headers })
  }
  return () => void (api.fetch = original)
}

const withState = (state: string) => (machines: Json[]) => machines.map((machine) => ({ ...machine, state }))

const ZOMBIE: Json = {
  id: '3d8d9e0fe12e89',
  name: 'left-over',
  state: 'destroyed',
  region: '',
  instance_id: '',
  private_ip: '',
  config: null,
  image_ref: null,
  events: null,
  checks: null,
  created_at: '1970-01-01T00:00:00Z',
  updated_at: '0001-01-01T00:00:00Z',
}

test('machines with empty fields in a list harm neither sweeps nor the fleet', async () => {
  rewriteMachines((machines, isList) =>
    isList ? [ZOMBIE, ...machines, { ...ZOMBIE, id: '3d8d9e0fe12e90', state: 'stopped' }] : machines,
  )
  const id = await create()
  await until(id, 'ready')
  for (let sweeps = 0; sweeps < 3; sweeps++) {
    h.advance(60_000)
    await h.sweep()
  }
  expect((await read(id))['status']).toBe('ready')
  const { body, status } = await h.request('/fleet')
  expect(status).toBe(200)
  expect(JSON.stringify(body)).not.toMatch(/NaN|"age_seconds":[0-9]{9}/)
})

test.each(['replaced', 'replacing', 'a-state-of-tomorrow'])(
  'a machine in the state %s is neither destroyed nor created again, and the workspace recovers',
  async (state) => {
    const id = await create()
    await until(id, 'ready')
    const [machine] = h.livingMachines()
    const undo = rewriteMachines(withState(state))
    for (let sweeps = 0; sweeps < 5; sweeps++) {
      h.advance(60_000)
      await h.sweep({ patienceMs: 200 })
    }
    expect(h.livingMachines().map((one) => one.id)).toEqual([machine?.id])
    undo()
    await until(id, 'ready')
    expect(h.livingMachines().map((one) => one.id)).toEqual([machine?.id])
  },
)

test.each([
  [412, 'failed_precondition: unable to start machine from current state: replacing'],
  [412, 'failed_precondition: machine is getting replaced, refusing to start'],
  [409, 'aborted: could not reserve resource for machine: insufficient memory available to fulfill request'],
])('a wake that Fly refuses three times with %i %s ends ready on the same machine', async (status, error) => {
  const id = await create()
  await until(id, 'ready')
  await h.request(`/workspaces/${id}/hibernate`, { method: 'POST' })
  await until(id, 'hibernated')
  const [machine] = h.livingMachines()
  h.emulator.faults.add({ kind: 'answer', action: 'machine.start', status, body: error, times: 3 })
  await h.request(`/workspaces/${id}/resume`, { method: 'POST' })
  await until(id, 'ready')
  expect(h.livingMachines()).toHaveLength(1)
  if (status === 412) expect(h.livingMachines()[0]?.id).toBe(machine?.id)
})
