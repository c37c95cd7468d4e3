// Secrets: what is saved is in the agent's environment and nowhere else.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eq, sql } from 'drizzle-orm'
import * as schema from '../../drizzle/schema/index.ts'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { RESERVED_ENV } from '../../lib/machines/machine-spec.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

const KEY = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='
const ADMIN = 'an-operator-of-secrets'
const ADMIN_HEADERS = { authorization: `Bearer ${ADMIN}` }

let h: Harness
/** The environment of the last machine of each workspace, by workspace. */
const guests = new Map<string, Record<string, string>>()
const recordingAgent: Program = (machine) => {
  guests.set(machine.env['WORKSPACE_ID'] ?? '', machine.env)
  return sampleAgent(machine)
}
beforeAll(async () => {
  h = await createHarness({
    env: { ADMIN_TOKEN: ADMIN, SECRETS_ENCRYPTION_KEY: KEY },
    programs: { 'ghcr.io/molecule-ai/workspace-hermes*': recordingAgent },
  })
})
afterAll(() => h.close())

const call = (
  method: string,
  path: string,
  json?: unknown,
  headers: Record<string, string> = ADMIN_HEADERS,
) => h.request(path, { method, headers, ...(json === undefined ? {} : { json }) })

async function create(input: Json = {}): Promise<string> {
  const { body, status } = await call(
    'POST',
    '/workspaces',
    { name: 'keeper', runtime: 'hermes', ...input },
    { ...ADMIN_HEADERS, prefer: 'wait=20' },
  )
  expect({ status, is: body['status'] }).toEqual({ status: 201, is: 'ready' })
  return String(body['id'])
}

const needsRestart = async (id: string) => (await call('GET', `/workspaces/${id}`)).body['needs_restart']

async function untilReady(id: string): Promise<void> {
  await call('GET', `/workspaces/${id}`, undefined, { ...ADMIN_HEADERS, prefer: 'wait=20' })
  await h.untilIdle()
}

describe('saving and delivering secrets', () => {
  test("secrets of a new workspace are in its agent's environment, and are not shown", async () => {
    const created = await call('POST', '/workspaces', {
      name: 'born with a key',
      runtime: 'hermes',
      secrets: { ANTHROPIC_API_KEY: 'given-at-creation' },
    })
    expect(JSON.stringify(created.body)).not.toContain('given-at-creation')
    const id = String(created.body['id'])
    await untilReady(id)
    expect(guests.get(id)).toMatchObject({ ANTHROPIC_API_KEY: 'given-at-creation' })
    const listed = await call('GET', `/workspaces/${id}/secrets`)
    expect(listed.body).toEqual([
      {
        key: 'ANTHROPIC_API_KEY',
        has_value: true,
        scope: 'workspace',
        created_at: expect.any(String) as string,
        updated_at: expect.any(String) as string,
      },
    ])
  })

  test('a secret that is saved later needs a restart, and the workspace says so', async () => {
    const id = await create()
    expect(await needsRestart(id)).toBe(false)
    const saved = await call('PUT', `/workspaces/${id}/secrets`, { key: 'GITHUB_TOKEN', value: 'first' })
    expect(saved).toMatchObject({
      status: 200,
      body: {
        status: 'saved',
        key: 'GITHUB_TOKEN',
        scope: 'workspace',
        restarting: [],
        more_to_restart: false,
      },
    })
    expect(await needsRestart(id)).toBe(true)
    expect(guests.get(id)).not.toHaveProperty('GITHUB_TOKEN')
    await call('POST', `/workspaces/${id}/restart`, undefined, { ...ADMIN_HEADERS, prefer: 'wait=20' })
    expect(guests.get(id)).toMatchObject({ GITHUB_TOKEN: 'first' })
    expect(await needsRestart(id)).toBe(false)
  })

  test('a secret that is saved with ?restart=true reaches the agent at once, and the same value changes nothing', async () => {
    const id = await create()
    const path = `/workspaces/${id}/secrets?restart=true`
    const saved = await call('POST', path, { key: 'OPENAI_API_KEY', value: 'now' })
    expect(saved.body).toMatchObject({ restarting: [id] })
    await untilReady(id)
    expect(guests.get(id)).toMatchObject({ OPENAI_API_KEY: 'now' })
    const again = await call('POST', path, { key: 'OPENAI_API_KEY', value: 'now' })
    expect(again.body).toMatchObject({ status: 'saved', restarting: [] })
    expect(await needsRestart(id)).toBe(false)
  })

  test('a global secret reaches every workspace that has none of the same name', async () => {
    const overriding = await create({ secrets: { SHARED_KEY: 'the value of one' } })
    const other = await create()
    const saved = await call('PUT', '/settings/secrets', { key: 'SHARED_KEY', value: 'the value for all' })
    expect(saved.body).toMatchObject({ status: 'saved', scope: 'global' })
    expect([await needsRestart(overriding), await needsRestart(other)]).toEqual([false, true])
    const restarted = await call('PUT', '/settings/secrets?restart=true', {
      key: 'SHARED_KEY',
      value: 'the value for all',
    })
    expect(restarted.body['restarting']).toContain(other)
    expect(restarted.body['restarting']).not.toContain(overriding)
    await untilReady(other)
    expect(guests.get(other)).toMatchObject({ SHARED_KEY: 'the value for all' })
    const scopeIn = async (id: string) =>
      ((await call('GET', `/workspaces/${id}/secrets`)).body as unknown as Json[]).find(
        ({ key }) => key === 'SHARED_KEY',
      )?.['scope']
    expect([await scopeIn(overriding), await scopeIn(other)]).toEqual(['workspace', 'global'])
    expect((await call('GET', '/settings/secrets')).body).toMatchObject([{ key: 'SHARED_KEY' }])
    expect((await call('DELETE', '/settings/secrets/SHARED_KEY')).body).toMatchObject({ status: 'deleted' })
    expect((await call('DELETE', '/settings/secrets/SHARED_KEY')).status).toBe(404)
  })

  test('a deleted secret is gone after the restart', async () => {
    const id = await create({ secrets: { TO_BE_DELETED: 'x', TO_STAY: 'y' } })
    const deleted = await call('DELETE', `/workspaces/${id}/secrets/TO_BE_DELETED?restart=true`)
    expect(deleted.body).toMatchObject({ status: 'deleted', key: 'TO_BE_DELETED', restarting: [id] })
    await untilReady(id)
    expect(guests.get(id)).not.toHaveProperty('TO_BE_DELETED')
    expect(guests.get(id)).toMatchObject({ TO_STAY: 'y' })
  })

  test('a secret takes precedence over an env variable of the same name', async () => {
    const id = await create({ env: { BOTH: 'plain' }, secrets: { BOTH: 'sealed' } })
    expect(guests.get(id)).toMatchObject({ BOTH: 'sealed' })
  })

  test('the values of secrets are read by the workspace itself, and by no other token', async () => {
    const id = await create({ secrets: { MINE: 'a private value' } })
    const path = `/workspaces/${id}/secrets/values`
    const bearer = (workspaceId: string) => ({
      authorization: `Bearer ${guests.get(workspaceId)?.['MOLECULE_WORKSPACE_TOKEN'] ?? ''}`,
    })
    expect(await call('GET', path, undefined, bearer(id))).toMatchObject({
      status: 200,
      body: { MINE: 'a private value' },
    })
    expect((await call('GET', path)).status).toBe(403)
    expect((await call('GET', path, undefined, {})).status).toBe(401)
    expect((await call('GET', path, undefined, bearer(await create()))).status).toBe(404)
  })

  test('secrets are found for an id in upper case', async () => {
    const id = await create()
    const path = `/workspaces/${id.toUpperCase()}/secrets?restart=true`
    expect((await call('PUT', path, { key: 'UPPER', value: 'value' })).status).toBe(200)
    await untilReady(id)
    expect(guests.get(id)).toMatchObject({ UPPER: 'value' })
  })

  test('secrets of one workspace do not reach another', async () => {
    await create({ secrets: { NOT_YOURS: 'x' } })
    expect(guests.get(await create())).not.toHaveProperty('NOT_YOURS')
  })

  test('secrets of a removed workspace can be neither saved nor read, and are deleted', async () => {
    const id = await create({ secrets: { LEFT: 'x' } })
    await call('DELETE', `/workspaces/${id}`)
    expect((await call('PUT', `/workspaces/${id}/secrets`, { key: 'A', value: 'b' })).status).toBe(404)
    expect((await call('GET', `/workspaces/${id}/secrets`)).status).toBe(404)
    const left = await h.db.select().from(schema.secrets).where(eq(schema.secrets.workspaceId, id))
    expect(left).toEqual([])
  })
})

describe('refused secrets', () => {
  test.each([...RESERVED_ENV, 'FLY_API_TOKEN'])(
    'a secret with the reserved name %s is refused',
    async (key) => {
      const refused = await call('PUT', '/settings/secrets', { key, value: 'hijack' })
      expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_input' } })
      expect(JSON.stringify(refused.body)).not.toContain('hijack')
    },
  )

  test.each<[string, Json]>([
    ['an empty value', { key: 'A', value: '' }],
    ['a value that is too long', { key: 'A', value: 'x'.repeat(32_769) }],
    ['a NUL', { key: 'A', value: 'a\0b' }],
    ['an invalid name', { key: 'A-B', value: 'x' }],
    ['a misspelt member', { key: 'A', val: 'x' }],
    ['an unknown member', { key: 'A', value: 'x', scope: 'global' }],
  ])('a secret with %s is refused', async (_, body) => {
    expect(await call('PUT', '/settings/secrets', body)).toMatchObject({
      status: 400,
      body: { code: 'invalid_input' },
    })
  })

  test('a secret beyond the limit of 200 is refused', async () => {
    const id = await create()
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`KEY_${at}`, 'x']))
    for (const [key, value] of Object.entries(many)) {
      expect((await call('PUT', `/workspaces/${id}/secrets`, { key, value })).status).toBe(200)
    }
    expect(await call('PUT', `/workspaces/${id}/secrets`, { key: 'ONE_MORE', value: 'x' })).toMatchObject({
      status: 409,
    })
    expect((await call('PUT', `/workspaces/${id}/secrets`, { key: 'KEY_7', value: 'y' })).status).toBe(200)
  })
})

describe('no key configured', () => {
  test('no secret is stored without SECRETS_ENCRYPTION_KEY, and the error names the setting', async () => {
    const bare = await createHarness()
    try {
      const refused = { status: 503, body: { error: expect.stringContaining('SECRETS_ENCRYPTION_KEY') } }
      expect(
        await bare.request('/settings/secrets', { method: 'PUT', json: { key: 'A', value: 'b' } }),
      ).toMatchObject(refused)
      expect(
        await bare.request('/workspaces', { method: 'POST', json: { name: 'x', secrets: { A: 'b' } } }),
      ).toMatchObject(refused)
      expect((await bare.request<Json[]>('/workspaces')).body).toEqual([])
    } finally {
      await bare.close()
    }
  })
})

test('no table of the database contains the value of a secret', async () => {
  const canary = 'canary-of-a-secret-value'
  await call(
    'POST',
    '/workspaces',
    { name: 'canary', secrets: { CANARY: canary } },
    { ...ADMIN_HEADERS, 'idempotency-key': 'the-canary' },
  )
  await call('PUT', '/settings/secrets', { key: 'CANARY', value: canary })
  const hook = { name: 'canary', scheme: 'github', secret: canary }
  expect((await call('POST', `/workspaces/${await create()}/hooks`, hook)).status).toBe(201)
  await h.untilIdle()
  const [dump] = await h.db
    .select({ text: sql<string>`database_to_xml(true, false, '')::text` })
    .from(schema.controlPlane)
  expect(dump?.text).toContain('CANARY')
  expect(dump?.text).not.toContain(canary)
})
