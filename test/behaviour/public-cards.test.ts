// Agent cards that can be read without a token: off by default, by a setting, and by workspace. Clients that discover
// agents before they have a credential need them (BeeAI, fasta2a, the A2A TCK).
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

const ADMIN = { authorization: 'Bearer admin-token-of-tests' }
const PATHS = [
  '/a2a/.well-known/agent-card.json',
  '/.well-known/agent-card.json',
  '/a2a/.well-known/agent.json',
  '/.well-known/agent.json',
]

let h: Harness
afterAll(() => h.close())

async function open(env: Record<string, string> = {}) {
  h = await createHarness({ env: { ADMIN_TOKEN: 'admin-token-of-tests', ...env } })
}

async function create(input: Json = {}): Promise<string> {
  const { body, status } = await h.request<{ id: string }>('/workspaces', {
    method: 'POST',
    headers: { ...ADMIN, prefer: 'wait=20' },
    json: { name: 'carded', runtime: 'hermes', tier: 2, ...input },
  })
  expect(status).toBe(201)
  return body.id
}

const card = (id: string, headers: Record<string, string> = {}, path = PATHS[0] ?? '') =>
  h.fetchRaw(`/workspaces/${id}${path}`, { headers })
const setPublic = (id: string, value: boolean | null) =>
  h.request(`/workspaces/${id}`, { method: 'PATCH', headers: ADMIN, json: { public_card: value } })

describe('by default', () => {
  let id: string
  beforeAll(async () => {
    await open()
    id = await create()
  })

  test('a card needs a token, and a workspace can open its own', async () => {
    for (const path of PATHS) expect((await card(id, {}, path)).status).toBe(401)
    const { body } = await setPublic(id, true)
    expect(body).toMatchObject({ needs_restart: false, workspace: { public_card: true } })
    for (const path of PATHS) {
      const response = await card(id, {}, path)
      expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'public, max-age=60'])
      expect(await response.json()).toMatchObject({ name: 'carded', security: [{ workspaces: [] }] })
    }
    const withToken = await card(id, ADMIN)
    expect([withToken.status, withToken.headers.get('cache-control')]).toEqual([200, 'private, max-age=60'])
  })

  test('a public card opens nothing else of the workspace', async () => {
    await setPublic(id, true)
    const methods = ['agent/getAuthenticatedExtendedCard', 'GetExtendedAgentCard', 'message/send']
    for (const method of methods) {
      const json = { jsonrpc: '2.0', id: 1, method, params: {} }
      expect((await h.request(`/workspaces/${id}/a2a`, { method: 'POST', json })).status).toBe(401)
    }
    for (const path of ['', '/a2a/v1/card', '/a2a/extendedAgentCard', '/explain', '/peers', '/secrets'])
      expect([path, (await h.request(`/workspaces/${id}${path}`)).status]).not.toEqual([path, 200])
  })

  test('a public card is readable with a token that gives no access, and closes again', async () => {
    const stranger = await create({ name: 'stranger', parent_id: id })
    const other = await create({ name: 'other', parent_id: stranger })
    const nephew = await create({ name: 'nephew' })
    const headers = { authorization: `Bearer ${await h.tokenOf(nephew)}` }
    await setPublic(other, true)
    expect((await card(other, headers)).status).toBe(200)
    expect((await card(other, { authorization: 'Bearer wrong' })).status).toBe(200)
    await setPublic(other, null)
    expect((await card(other, headers)).status).toBe(404)
    expect((await card(other)).status).toBe(401)
  })

  test('an unknown, an invalid and a removed workspace answer like one whose card is not public', async () => {
    const removed = await create({ public_card: true })
    await h.request(`/workspaces/${removed}`, { method: 'DELETE', headers: ADMIN })
    for (const other of [crypto.randomUUID(), 'x', removed]) expect((await card(other)).status).toBe(401)
  })
})

describe('with PUBLIC_AGENT_CARDS', () => {
  beforeAll(async () => {
    await h.close()
    await open({ PUBLIC_AGENT_CARDS: 'true', API_RATE_PER_MINUTE: '20' })
  })

  test('cards need no token unless a workspace says so, and readers without a token are limited', async () => {
    const id = await create()
    const closed = await create({ public_card: false })
    expect((await card(id)).status).toBe(200)
    expect((await card(closed)).status).toBe(401)
    expect((await card(closed, ADMIN)).status).toBe(200)
    const statuses: number[] = []
    // More than two minutes allow: the minute that is counted may end meanwhile.
    for (let i = 0; i < 45; i++) statuses.push((await card(id)).status)
    expect(statuses).toContain(429)
  })
})
