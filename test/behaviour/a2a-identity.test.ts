// Identity in the A2A proxy: the caller's credential is not passed on, the agent recognises the proxy by its inbound secret, and
// agents reach only the workspaces that the tree allows.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { askRegion, createHarness, type Harness, type Json } from '../support/harness.ts'
import { IN_WORKERD } from '../support/test-target.ts'

const seen: Headers[] = []

/** Checks its inbound secret and records the headers of every message. */
const listener: Program = async (machine) => {
  await machine.listen(8000, (request) => {
    if (request.method === 'GET') return Response.json({ name: 'listener' })
    seen.push(request.headers)
    const secret = machine.readFile('/configs/.platform_inbound_secret')
    const known = request.headers.get('authorization') === `Bearer ${secret}`
    return Response.json({ jsonrpc: '2.0', id: 1, result: { known } })
  })
  return new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))
}

const ADMIN = { authorization: 'Bearer the-operator-who-sends' }

let h: Harness
let parent: string
let child: string
let nephew: string
beforeAll(async () => {
  h = await createHarness({
    env: { ADMIN_TOKEN: 'the-operator-who-sends', A2A_RATE_PER_MINUTE: '30', A2A_MAX_IN_FLIGHT: '2' },
    programs: { 'ghcr.io/molecule-ai/listener': listener },
  })
  parent = await create({ name: 'parent' })
  child = await create({ name: 'child', parent_id: parent })
  const other = await create({ name: 'other' })
  nephew = await create({ name: 'nephew', parent_id: other })
})
afterAll(() => h.close())

async function create(input: Json): Promise<string> {
  const { body } = await h.request<{ id: string; status: string }>('/workspaces', {
    method: 'POST',
    headers: { ...ADMIN, prefer: 'wait=20' },
    json: { runtime: 'hermes', image: 'ghcr.io/molecule-ai/listener', ...input },
  })
  expect(body.status).toBe('ready')
  return body.id
}

const tokenOf = async (id: string) => ({
  authorization: `Bearer ${await h.tokenOf(id)}`,
})

type Answer = { result?: Json; error?: { code: number; message: string; data: Json } }

const send = (id: string, headers: Record<string, string>) =>
  h.request<Answer>(`/workspaces/${id}/a2a`, { method: 'POST', headers, json: askRegion() })

describe('what an agent sees', () => {
  test("an agent receives its own inbound secret and never the caller's credential", async () => {
    for (const id of [parent, child]) {
      seen.length = 0
      const { body } = await send(id, ADMIN)
      expect(body.result).toEqual({ known: true })
      expect(seen[0]?.get('authorization')).not.toContain('the-operator')
    }
  })

  test('a restart gives the agent another inbound secret', async () => {
    await send(child, ADMIN)
    const before = seen.at(-1)?.get('authorization')
    await h.request(`/workspaces/${child}/restart`, {
      method: 'POST',
      headers: { ...ADMIN, prefer: 'wait=20' },
    })
    expect((await send(child, ADMIN)).body.result).toEqual({ known: true })
    expect(seen.at(-1)?.get('authorization')).not.toBe(before)
  })

  test('an agent that requires its inbound secret becomes ready and answers', async () => {
    const id = await create({ name: 'strict', image: null, env: { MOLECULE_A2A_REQUIRE_AUTH: '1' } })
    expect((await send(id, ADMIN)).status).toBe(200)
  })

  test('an agent receives the id of the calling workspace only when it is proven', async () => {
    await send(child, ADMIN)
    expect(seen.at(-1)?.get('x-workspace-id')).toBeNull()
    await send(child, { ...ADMIN, 'x-workspace-id': parent })
    expect(seen.at(-1)?.get('x-workspace-id')).toBeNull()
    const token = await tokenOf(parent)
    await send(child, token)
    expect(seen.at(-1)?.get('x-workspace-id')).toBe(parent)
    await send(child, { ...token, 'x-workspace-id': parent })
    expect(seen.at(-1)?.get('x-workspace-id')).toBe(parent)
  })
})

describe('callers', () => {
  test('a workspace may send to itself, its parent and its children, and not to a nephew', async () => {
    const token = await tokenOf(child)
    expect((await send(child, token)).status).toBe(200)
    expect((await send(parent, token)).status).toBe(200)
    const refused = await send(nephew, token)
    expect(refused.status).toBe(404)
    expect(refused.body.error?.data).toMatchObject({ reason: 'WORKSPACE_NOT_FOUND', delivered: 'no' })
    expect(refused.body.error?.message).toContain(`/registry/${child}/peers`)
  })

  test('a workspace that is moved in the tree reaches its new relatives at once', async () => {
    const token = await tokenOf(child)
    expect((await send(nephew, token)).status).toBe(404)
    await h.request(`/workspaces/${nephew}`, { method: 'PATCH', headers: ADMIN, json: { parent_id: parent } })
    expect((await send(nephew, token)).status).toBe(200)
  })

  test.each([
    ['another workspace', () => parent],
    ['a system caller', () => 'system:scheduler'],
    ['a webhook', () => 'webhook:x'],
  ])('a caller that claims to be %s is refused', async (_who, claim) => {
    const { status, body } = await send(child, { ...(await tokenOf(child)), 'x-workspace-id': claim() })
    expect([status, body.error?.data['reason']]).toEqual([403, 'FORBIDDEN'])
  })

  test('an admin that claims to be a system caller is refused', async () => {
    expect((await send(child, { ...ADMIN, 'x-workspace-id': 'system:scheduler' })).status).toBe(403)
  })

  test('a caller is refused once its token is revoked, although it was cached', async () => {
    const id = await create({ name: 'brief' })
    const token = await tokenOf(id)
    expect((await send(id, token)).status).toBe(200)
    await h.request(`/workspaces/${id}`, { method: 'DELETE', headers: ADMIN })
    expect((await send(id, token)).status).toBe(401)
  })
})

describe('rate limits', () => {
  test('the A2A rate limit is in every response, and ends in a 429 with a Retry-After', async () => {
    h.advance(60_000)
    const token = await tokenOf(parent)
    const first = await send(parent, token)
    expect(first.headers.get('ratelimit-policy')).toBe('"a2a";q=30;w=60')
    expect(first.headers.get('ratelimit')).toMatch(/^"a2a";r=29;t=\d+$/)
    for (let n = 0; n < 29; n++) expect((await send(parent, token)).status).toBe(200)
    const over = await send(parent, token)
    expect(over.status).toBe(429)
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(over.body.error?.data).toMatchObject({ reason: 'RATE_LIMITED', delivered: 'no' })
    // Each caller has its own limit.
    expect((await send(parent, ADMIN)).status).toBe(200)
    h.advance(60_000)
    expect((await send(parent, token)).status).toBe(200)
  })

  test('concurrent requests to one workspace are limited', async () => {
    const id = await create({ name: 'busy', image: null })
    const long = () =>
      h.fetchRaw(`/workspaces/${id}/a2a`, {
        method: 'POST',
        headers: ADMIN,
        json: {
          jsonrpc: '2.0',
          id: 1,
          method: 'message/stream',
          params: { message: { role: 'user', parts: [{ kind: 'text', text: 'long 20' }] } },
        },
      })
    const open = await Promise.all([long(), long()])
    const over = await send(id, ADMIN)
    expect([over.status, over.body.error?.data['reason']]).toEqual([429, 'TOO_MANY_REQUESTS_IN_FLIGHT'])
    for (const response of open) await response.body?.cancel()
    // A Worker does not notice that its caller has left: the slot is freed when it has been silent for long.
    if (IN_WORKERD) h.advance(30 * 60_000)
    await expect.poll(async () => (await send(id, ADMIN)).status).toBe(200)
  })
})
