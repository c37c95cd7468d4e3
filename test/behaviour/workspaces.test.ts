// Creating, listing, restarting and deleting workspaces.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askRegion, createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())

const tokenOf = (id: string) => h.tokenOf(id)

/** Living machines of a workspace, as a bill would count them. */
const machinesNamed = (id: string) => h.livingMachines().filter((machine) => machine.name === `ws-${id}`)

describe('creating', () => {
  test('a create is answered at once with the status provisioning, and the workspace becomes ready by itself', async () => {
    const { status, body, headers } = await h.request('/workspaces', {
      method: 'POST',
      json: { name: 'fly-worker', role: 'Fly-provisioned inference worker', runtime: 'hermes', tier: 2 },
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      name: 'fly-worker',
      status: 'provisioning',
      runtime: 'hermes',
      tier: 2,
      region: 'ord',
    })
    expect(headers.get('location')).toBe(`/workspaces/${body['id'] as string}`)
    await h.untilIdle()
    const read = await h.request(`/workspaces/${body['id'] as string}`)
    expect(read.body).toMatchObject({
      status: 'ready',
      machine_state: 'started',
      machine_region: 'ord',
      reason: null,
    })
    expect(read.body['image']).toMatch(/^ghcr\.io\/molecule-ai\/workspace-hermes@sha256:/)
    expect(machinesNamed(body['id'] as string)).toHaveLength(1)
  })

  test('a create with Prefer: wait is answered when the workspace is ready', async () => {
    const { status, body, headers } = await h.request('/workspaces', {
      method: 'POST',
      headers: { prefer: 'respond-async, wait=20' },
      json: { name: 'waited-for' },
    })
    expect(status).toBe(201)
    expect(headers.get('preference-applied')).toBe('wait=20')
    expect(body).toMatchObject({ status: 'ready', runtime: 'langgraph', tier: 3 })
  })

  test.each([
    [2, 1, 512],
    [3, 2, 2048],
    [4, 4, 4096],
  ])('a machine of tier %i has %i shared CPUs and %i MB', async (tier, cpus, memory_mb) => {
    const { id } = await h.createWorkspace({ tier })
    const machine = await h.machineOf(id)
    expect(machine.config.guest).toMatchObject({ cpu_kind: 'shared', cpus, memory_mb })
  })

  test('the machine is created in the requested region, and the agent reports it', async () => {
    const { id, region } = await h.createWorkspace({ region: 'fra' })
    expect(region).toBe('fra')
    const { body } = await h.request<{ result: { parts: { text: string }[] } }>(`/workspaces/${id}/a2a`, {
      method: 'POST',
      json: askRegion(),
    })
    expect(body.result.parts[0]?.text).toBe('fra')
  })

  test('env variables reach the agent beside those of the platform, and their values are never shown', async () => {
    const { id, env_names } = await h.createWorkspace({
      env: { GREETING: 'a value of the caller' },
      model: 'nous/hermes',
    })
    expect(env_names).toEqual(['GREETING'])
    const machine = await h.machineOf(id)
    expect(machine.config.env).toMatchObject({
      GREETING: 'a value of the caller',
      WORKSPACE_ID: id,
      PLATFORM_URL: 'http://platform.test',
      HERMES_DEFAULT_MODEL: 'nous/hermes',
    })
    const everything = JSON.stringify((await h.request(`/workspaces/${id}`)).body)
    expect(everything).not.toContain('a value of the caller')
    expect(everything).not.toContain(await tokenOf(id))
  })

  test('an image of an allowed registry runs with its digest', async () => {
    const digest = `sha256:${'ab'.repeat(32)}`
    const { image } = await h.createWorkspace({ image: `ghcr.io/molecule-ai/workspace-custom@${digest}` })
    expect(image).toBe(`ghcr.io/molecule-ai/workspace-custom@${digest}`)
  })
})

describe('listing', () => {
  test('the list of workspaces is an array, oldest first, in pages that a Link header connects', async () => {
    const separate = await createHarness()
    try {
      expect((await separate.request('/workspaces')).body).toEqual([])
      const made: string[] = []
      for (const name of ['a', 'b', 'c']) made.push((await separate.createWorkspace({ name })).id)
      const seen: unknown[] = []
      let path: string | undefined = '/workspaces?limit=2'
      while (path !== undefined) {
        const page: { body: Json[]; headers: Headers } = await separate.request<Json[]>(path)
        seen.push(...page.body.map((row) => row['id']))
        path = /<http:\/\/platform\.test(.*)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1]
      }
      expect(seen).toEqual(made)
      expect((await separate.request('/workspaces?cursor=nonsense')).status).toBe(400)
      expect((await separate.request('/workspaces?limit=0')).status).toBe(400)
    } finally {
      await separate.close()
    }
  })
})

describe('restarting', () => {
  test('a restart boots the same machine with a new token, whose first use ends the old one', async () => {
    const { id, machine_id } = await h.createWorkspace()
    const old = await tokenOf(id)
    const { status, body } = await h.request(`/workspaces/${id}/restart`, {
      method: 'POST',
      headers: { prefer: 'wait=20' },
    })
    expect(status).toBe(200)
    expect(body).toMatchObject({ status: 'ready', generation: 2, machine_id })
    const renewed = await tokenOf(id)
    expect(renewed).not.toBe(old)
    const heartbeat = (token: string) =>
      h.request('/registry/heartbeat', {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        json: { workspace_id: id },
      })
    expect((await heartbeat(renewed)).status).toBe(200)
    expect((await heartbeat(old)).status).toBe(401)
    expect(machinesNamed(id)).toHaveLength(1)
  })

  test('a restart creates a machine where one was destroyed by hand', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await h.fly('DELETE', `/${String(machine_id)}?force=true`)
    await h.request(`/workspaces/${id}/restart`, { method: 'POST' })
    await h.untilIdle()
    const { body } = await h.request(`/workspaces/${id}`)
    expect(body['status']).toBe('ready')
    expect(body['machine_id']).not.toBe(machine_id)
    expect(machinesNamed(id)).toHaveLength(1)
  })
})

describe('removing', () => {
  test('a delete destroys the machine, ends the token and keeps the row readable', async () => {
    const { id } = await h.createWorkspace()
    const token = await tokenOf(id)
    const { status, body } = await h.request(`/workspaces/${id}`, {
      method: 'DELETE',
      headers: { prefer: 'wait=20' },
    })
    expect(status).toBe(200)
    expect(body).toEqual({ status: 'removed', cascade_deleted: 0 })
    expect(machinesNamed(id)).toHaveLength(0)
    expect((await h.request(`/workspaces/${id}`)).body).toMatchObject({ status: 'removed', machine_id: null })
    expect((await h.request<Json[]>('/workspaces')).body.some((row) => row['id'] === id)).toBe(false)
    const late = await h.request('/registry/heartbeat', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      json: { workspace_id: id },
    })
    expect(late.status).toBe(401)
    expect((await h.request(`/workspaces/${id}`, { method: 'DELETE' })).status).toBe(200)
    expect(await h.request(`/workspaces/${id}/restart`, { method: 'POST' })).toMatchObject({ status: 409 })
  })

  test('a delete of a parent requires confirmation and then includes its descendants', async () => {
    const parent = await h.createWorkspace({ name: 'parent' })
    const child = await h.createWorkspace({ name: 'child', parent_id: parent.id })
    const grandchild = await h.createWorkspace({ name: 'grandchild', parent_id: child.id })
    const asked = await h.request(`/workspaces/${parent.id}`, { method: 'DELETE' })
    expect(asked.status).toBe(409)
    expect(asked.body).toMatchObject({
      status: 'confirmation_required',
      children: [{ id: child.id, name: 'child' }],
      children_count: 1,
    })
    const confirmed = await h.request(`/workspaces/${parent.id}?confirm=true`, { method: 'DELETE' })
    expect(confirmed.body).toEqual({ status: 'removed', cascade_deleted: 2 })
    await h.untilIdle()
    for (const { id } of [parent, child, grandchild]) expect(machinesNamed(id)).toHaveLength(0)
  })
})
