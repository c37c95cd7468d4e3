// FLY_ENDPOINT: the same workspaces, with Fly reached over its private network and nothing of them public.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { askRegion, createHarness, type Harness, type Json } from '../support/harness.ts'

const INTERNAL = {
  FLY_ENDPOINT: 'internal',
  // The harness sets both; empty, they have the values of the endpoint.
  FLY_FLAPS_BASE_URL: '',
  FLY_PROXY_BASE_URL: '',
}

/** As an operator would: `fly ips allocate-v6 --private`. */
async function allocate(h: Harness, type: string): Promise<void> {
  const { status } = await h.emulator.api.fetch(
    new Request('http://fly.test/v1/apps/test-app/ip_assignments', {
      method: 'POST',
      headers: { authorization: 'Bearer operator', 'content-type': 'application/json' },
      body: JSON.stringify({ type }),
    }),
  )
  expect(status).toBe(200)
}

const originsOf = (h: Harness) => new Set(h.outgoing.map(({ url }) => new URL(url).origin))

type A2a = { result?: { parts: { text: string }[] } }

async function region(h: Harness, id: string): Promise<unknown> {
  const { body } = await h.request<A2a>(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion() })
  return body.result?.parts[0]?.text ?? body
}

describe('inside the private network', () => {
  let h: Harness
  beforeEach(async () => {
    h = await createHarness({ env: INTERNAL })
    await allocate(h, 'private_v6')
  })
  afterEach(() => h.close())

  test('a workspace with FLY_ENDPOINT=internal becomes ready and answers over _api.internal and flycast only', async () => {
    const { id, status } = await h.createWorkspace({ region: 'fra' })
    expect(status).toBe('ready')
    expect(await region(h, id)).toBe('fra')
    expect(originsOf(h)).toEqual(
      new Set(['http://_api.internal:4280', 'http://test-app.flycast', 'http://platform.test']),
    )
  })

  test('each of two workspaces with FLY_ENDPOINT=internal gets its own messages', async () => {
    const [one, two] = await Promise.all(['fra', 'nrt'].map((code) => h.createWorkspace({ region: code })))
    expect(await region(h, one?.id ?? '')).toBe('fra')
    expect(await region(h, two?.id ?? '')).toBe('nrt')
    const toAgents = h.outgoing.filter(({ url }) => url.startsWith('http://test-app.flycast'))
    expect(toAgents.every(({ headers }) => headers.has('fly-force-instance-id'))).toBe(true)
  })

  test('a machine with FLY_ENDPOINT=internal listens for plain HTTP and on no public port', async () => {
    const { id } = await h.createWorkspace()
    const { config } = await h.machineOf(id)
    expect(config.services).toMatchObject([{ ports: [{ port: 80, handlers: ['http'] }] }])
  })
})

test('without FLY_ENDPOINT a machine listens for TLS only', async () => {
  const h = await createHarness()
  try {
    const { id } = await h.createWorkspace()
    const { config } = await h.machineOf(id)
    expect(config.services).toMatchObject([{ ports: [{ port: 443, handlers: ['tls', 'http'] }] }])
  } finally {
    await h.close()
  }
})

test('an app without a private address is not reached over its public ones', async () => {
  const h = await createHarness({ env: INTERNAL })
  try {
    const { body } = await h.request<Json & { id: string }>('/workspaces', {
      method: 'POST',
      json: { name: 'cut off', runtime: 'hermes', tier: 2 },
    })
    await expect.poll(() => originsOf(h)).toContain('http://test-app.flycast')
    // The time for its start is over.
    h.advance(3_600_000)
    await h.sweep()
    await h.untilIdle()
    const workspace = (await h.request(`/workspaces/${body.id}`)).body
    expect(workspace['status']).not.toBe('ready')
    expect(originsOf(h)).not.toContain('http://fly-proxy.test')
  } finally {
    await h.close()
  }
})

describe('PLATFORM_URL', () => {
  test('agents get URLs with PLATFORM_URL, and other callers with PUBLIC_URL', async () => {
    // The two are different hosts, because callers cannot reach flycast.
    const h = await createHarness({
      env: { PUBLIC_URL: 'https://workspaces.example.com', PLATFORM_URL: 'http://platform.test' },
    })
    try {
      const { id } = await h.createWorkspace()
      const child = await h.createWorkspace({ parent_id: id })
      const { config } = await h.machineOf(child.id)
      expect(config.env).toMatchObject({
        PLATFORM_URL: 'http://platform.test',
        MOLECULE_WORKSPACE_URL: `http://platform.test/workspaces/${child.id}/a2a`,
      })
      expect((await h.request(`/workspaces/${id}`)).body).toMatchObject({
        url: `https://workspaces.example.com/workspaces/${id}/a2a`,
      })

      const headers = { authorization: `Bearer ${await h.tokenOf(child.id)}` }
      const found = (await h.request(`/registry/discover/${id}`, { headers })).body
      expect(found).toMatchObject({ url: `http://platform.test/workspaces/${id}/a2a` })
      const card = (await h.request(`/workspaces/${id}/a2a/.well-known/agent-card.json`, { headers })).body
      expect(JSON.stringify(card)).toContain(`http://platform.test/workspaces/${id}/a2a`)
      expect(JSON.stringify(card)).not.toContain('workspaces.example.com')
    } finally {
      await h.close()
    }
  })
})
