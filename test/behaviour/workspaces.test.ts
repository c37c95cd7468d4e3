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
  test('answers at once with the id, the name and provisioning, and becomes ready by itself', async () => {
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

  test('with Prefer: wait answers when it is ready', async () => {
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
  ])('tier %i buys %i shared CPUs and %i MB', async (tier, cpus, memory_mb) => {
    const { id } = await h.createWorkspace({ tier })
    const machine = await h.machineOf(id)
    expect(machine.config.guest).toMatchObject({ cpu_kind: 'shared', cpus, memory_mb })
  })

  test('puts the machine in the region that was asked for, and the agent says so', async () => {
    const { id, region } = await h.createWorkspace({ region: 'fra' })
    expect(region).toBe('fra')
    const { body } = await h.request<{ result: { parts: { text: string }[] } }>(`/workspaces/${id}/a2a`, {
      method: 'POST',
      json: askRegion(),
    })
    expect(body.result.parts[0]?.text).toBe('fra')
  })

  test('hands variables to the agent, names its identity itself, and never shows a value', async () => {
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

  test('runs an own image from an allowed registry, with its digest kept', async () => {
    const digest = `sha256:${'ab'.repeat(32)}`
    const { image } = await h.createWorkspace({ image: `ghcr.io/molecule-ai/workspace-custom@${digest}` })
    expect(image).toBe(`ghcr.io/molecule-ai/workspace-custom@${digest}`)
  })
})

describe('refusing', () => {
  const long = 'x'.repeat(256)
  test.each<[string, unknown, string, RegExp]>([
    ['no name', {}, 'name', /./],
    ['an empty name', { name: ' ' }, 'name', /empty/],
    ['a name that is not text', { name: 5 }, 'name', /string/],
    ['a long name', { name: long }, 'name', /255/],
    ['a name with a line break', { name: 'a\nruntime: x' }, 'name', /line breaks/],
    ['a name with YAML in it', { name: 'a{b}' }, 'name', /must not contain/],
    ['a NUL', { name: 'a\0b' }, 'name', /stored/],
    ['half a surrogate pair', { name: 'a', config: { x: '\ud800' } }, 'config', /stored/],
    [
      'a config nested without end',
      { name: 'a', config: { x: JSON.parse(`${'['.repeat(1_000)}${']'.repeat(1_000)}`) as unknown } },
      'config',
      /nested/,
    ],
    ['an unknown runtime', { name: 'a', runtime: 'cobol' }, 'runtime', /langgraph.*hermes/],
    ['an unknown tier', { name: 'a', tier: 1 }, 'tier', /2, 3, 4/],
    ['half a tier', { name: 'a', tier: 2.5 }, 'tier', /./],
    ['an unknown region', { name: 'a', region: 'moon' }, 'region', /ams.*ord/],
    [
      'an image from elsewhere',
      { name: 'a', image: 'docker.io/evil' },
      'image',
      /ghcr\.io\/molecule-ai.*ALLOWED/,
    ],
    [
      'an image beside an allowed prefix',
      { name: 'a', image: 'ghcr.io/molecule-ai-evil/x' },
      'image',
      /must start/,
    ],
    ['a parent that is not a UUID', { name: 'a', parent_id: 'x' }, 'parent_id', /./],
    ['a parent that does not exist', { name: 'a', parent_id: crypto.randomUUID() }, 'parent_id', /no such/],
    ['a reserved variable', { name: 'a', env: { WORKSPACE_ID: 'x' } }, 'env.WORKSPACE_ID', /platform/],
    ["a variable of Fly's", { name: 'a', env: { FLY_REGION: 'x' } }, 'env.FLY_REGION', /platform/],
    ['a variable with a bad name', { name: 'a', env: { 'a-b': 'x' } }, 'env.a-b', /./],
    ['a variable that is not text', { name: 'a', env: { A: 1 } }, 'env.A', /string/],
    [
      'a secret with the name of the platform’s',
      { name: 'a', secrets: { PLATFORM_URL: 'b' } },
      'secrets.PLATFORM_URL',
      /platform/,
    ],
    ['an empty secret', { name: 'a', secrets: { A: '' } }, 'secrets.A', /empty/],
    ['an array', [], 'body', /./],
    ['text', '"hello"', 'body', /./],
  ])('%s', async (_what, json, field, message) => {
    const before = h.emulator.machines().length
    const count = (await h.request<Json[]>('/workspaces')).body.length
    const { status, body, headers } = await h.request<{
      errors: { field: string; message: string }[]
      error: string
    }>('/workspaces', { method: 'POST', json })
    expect(status).toBe(400)
    expect(headers.get('content-type')).toBe('application/problem+json')
    const error = body.errors.find((entry) => entry.field === field)
    expect(error?.message).toMatch(message)
    expect(typeof body.error).toBe('string')
    expect((await h.request<Json[]>('/workspaces')).body).toHaveLength(count)
    expect(h.emulator.machines()).toHaveLength(before)
  })

  test.each<[string, RequestInit, number, string]>([
    [
      'a body that is not JSON',
      { body: '{"name": ', headers: { 'content-type': 'application/json' } },
      400,
      'invalid_input',
    ],
    ['no body', { headers: { 'content-type': 'application/json' } }, 400, 'invalid_input'],
    [
      'a form',
      { body: 'name=a', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'unsupported_media_type',
    ],
    [
      'a body over a megabyte',
      {
        body: JSON.stringify({ name: 'a', role: 'x'.repeat(1_100_000) }),
        headers: { 'content-type': 'application/json' },
      },
      413,
      'too_large',
    ],
  ])('%s', async (_what, init, status, code) => {
    const answer = await h.request('/workspaces', { method: 'POST', ...init })
    expect(answer.status).toBe(status)
    expect(answer.body).toMatchObject({
      status,
      code,
      request_id: expect.any(String),
      error: expect.any(String),
    })
  })

  test('an id that is not a UUID is a 400 that says so, an unknown one a 404', async () => {
    const bad = await h.request('/workspaces/nonsense')
    expect(bad.status).toBe(400)
    expect(bad.body).toMatchObject({ errors: [{ field: 'id', message: 'must be a UUID' }] })
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/restart'],
    ] as const) {
      const unknown = await h.request(`/workspaces/${crypto.randomUUID()}${path}`, { method })
      expect(unknown.status).toBe(404)
      expect(unknown.body).toMatchObject({ error: 'workspace not found' })
    }
  })

  test('a door that does not exist is a 404 problem', async () => {
    expect(await h.request('/nothing/here')).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })
})

describe('listing', () => {
  test('is a bare array, oldest first, in pages that a Link header chains', async () => {
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
  test('boots the same machine with a new token, and the old one ends when the new one is used', async () => {
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
    const beat = (token: string) =>
      h.request('/registry/heartbeat', {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        json: { workspace_id: id },
      })
    expect((await beat(renewed)).status).toBe(200)
    expect((await beat(old)).status).toBe(401)
    expect(machinesNamed(id)).toHaveLength(1)
  })

  test('makes a machine where one was destroyed by hand', async () => {
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
  test('destroys the machine, ends the token and keeps the row to be read', async () => {
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

  test('of a parent asks first, then takes the descendants along', async () => {
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
