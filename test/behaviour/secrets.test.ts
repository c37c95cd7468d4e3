// Secrets: what goes in comes out in the agent's machine and nowhere else, and what cannot be read stops a machine with a
// reason instead of giving it an empty value.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eq, sql } from 'drizzle-orm'
import * as schema from '../../drizzle/schema/index.ts'
import { parseConfig } from '../../lib/config/config.ts'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { saveSecret } from '../../lib/workspaces/change-secrets.ts'
import { deleteSealedWith, rotateSecrets, strangeKeys } from '../../lib/secrets/rotate.ts'
import { keyIdOf, seal, type SecretPlace, Unreadable, unseal } from '../../lib/secrets/seal.ts'
import { RESERVED_ENV } from '../../lib/machines/machine-spec.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { testInProcess } from '../support/control-plane.ts'

const KEY = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='
const ADMIN = 'an-operator-of-secrets'
const ADMIN_HEADERS = { authorization: `Bearer ${ADMIN}` }

let h: Harness
/** What the last guest of each workspace had in its environment. */
const guests = new Map<string, Record<string, string>>()
const remembering: Program = (machine) => {
  guests.set(machine.env['WORKSPACE_ID'] ?? '', machine.env)
  return sampleAgent(machine)
}
beforeAll(async () => {
  h = await createHarness({
    env: { ADMIN_TOKEN: ADMIN, SECRETS_ENCRYPTION_KEY: KEY },
    programs: { 'ghcr.io/molecule-ai/workspace-hermes*': remembering },
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

describe('secrets', () => {
  test('given with a new workspace are there when its agent starts, and are not shown', async () => {
    const created = await call('POST', '/workspaces', {
      name: 'born with a key',
      runtime: 'hermes',
      secrets: { ANTHROPIC_API_KEY: 'given-at-birth' },
    })
    expect(JSON.stringify(created.body)).not.toContain('given-at-birth')
    const id = String(created.body['id'])
    await untilReady(id)
    expect(guests.get(id)).toMatchObject({ ANTHROPIC_API_KEY: 'given-at-birth' })
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

  test('saved later wait for a restart, and say so', async () => {
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

  test('saved with ?restart=true reach the agent at once; the same value again changes nothing', async () => {
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

  test('for all reach everybody, and a workspace with one of its own keeps that', async () => {
    const own = await create({ secrets: { SHARED_KEY: 'my own' } })
    const other = await create()
    const saved = await call('PUT', '/settings/secrets', { key: 'SHARED_KEY', value: "everybody's" })
    expect(saved.body).toMatchObject({ status: 'saved', scope: 'global' })
    expect([await needsRestart(own), await needsRestart(other)]).toEqual([false, true])
    const restarted = await call('PUT', '/settings/secrets?restart=true', {
      key: 'SHARED_KEY',
      value: "everybody's",
    })
    expect(restarted.body['restarting']).toContain(other)
    expect(restarted.body['restarting']).not.toContain(own)
    await untilReady(other)
    expect(guests.get(other)).toMatchObject({ SHARED_KEY: "everybody's" })
    const scopeIn = async (id: string) =>
      ((await call('GET', `/workspaces/${id}/secrets`)).body as unknown as Json[]).find(
        ({ key }) => key === 'SHARED_KEY',
      )?.['scope']
    expect([await scopeIn(own), await scopeIn(other)]).toEqual(['workspace', 'global'])
    expect((await call('GET', '/settings/secrets')).body).toMatchObject([{ key: 'SHARED_KEY' }])
    expect((await call('DELETE', '/settings/secrets/SHARED_KEY')).body).toMatchObject({ status: 'deleted' })
    expect((await call('DELETE', '/settings/secrets/SHARED_KEY')).status).toBe(404)
  })

  test('are gone after they were deleted, once the machine has restarted', async () => {
    const id = await create({ secrets: { TO_BE_DELETED: 'x', TO_STAY: 'y' } })
    const deleted = await call('DELETE', `/workspaces/${id}/secrets/TO_BE_DELETED?restart=true`)
    expect(deleted.body).toMatchObject({ status: 'deleted', key: 'TO_BE_DELETED', restarting: [id] })
    await untilReady(id)
    expect(guests.get(id)).not.toHaveProperty('TO_BE_DELETED')
    expect(guests.get(id)).toMatchObject({ TO_STAY: 'y' })
  })

  test('win over env of the same name', async () => {
    const id = await create({ env: { BOTH: 'plain' }, secrets: { BOTH: 'sealed' } })
    expect(guests.get(id)).toMatchObject({ BOTH: 'sealed' })
  })

  test("are read by the workspace itself, and by nobody else's token", async () => {
    const id = await create({ secrets: { MINE: 'only mine' } })
    const path = `/workspaces/${id}/secrets/values`
    const bearer = (workspaceId: string) => ({
      authorization: `Bearer ${guests.get(workspaceId)?.['MOLECULE_WORKSPACE_TOKEN'] ?? ''}`,
    })
    expect(await call('GET', path, undefined, bearer(id))).toMatchObject({
      status: 200,
      body: { MINE: 'only mine' },
    })
    expect((await call('GET', path)).status).toBe(403)
    expect((await call('GET', path, undefined, {})).status).toBe(401)
    expect((await call('GET', path, undefined, bearer(await create()))).status).toBe(404)
  })

  test('are the same for a workspace whose id is written in capitals', async () => {
    const id = await create()
    const path = `/workspaces/${id.toUpperCase()}/secrets?restart=true`
    expect((await call('PUT', path, { key: 'LOUD', value: 'heard' })).status).toBe(200)
    await untilReady(id)
    expect(guests.get(id)).toMatchObject({ LOUD: 'heard' })
  })

  test('of one workspace stay its own', async () => {
    await create({ secrets: { NOT_YOURS: 'x' } })
    expect(guests.get(await create())).not.toHaveProperty('NOT_YOURS')
  })

  test('of a removed workspace can be neither saved nor read', async () => {
    const id = await create({ secrets: { LEFT: 'x' } })
    await call('DELETE', `/workspaces/${id}`)
    expect((await call('PUT', `/workspaces/${id}/secrets`, { key: 'A', value: 'b' })).status).toBe(404)
    expect((await call('GET', `/workspaces/${id}/secrets`)).status).toBe(404)
    const left = await h.db.select().from(schema.secrets).where(eq(schema.secrets.workspaceId, id))
    expect(left).toEqual([])
  })
})

describe('a secret is refused', () => {
  test.each([...RESERVED_ENV, 'FLY_API_TOKEN'])('with the name %s, which is the platform’s', async (key) => {
    const refused = await call('PUT', '/settings/secrets', { key, value: 'hijack' })
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_input' } })
    expect(JSON.stringify(refused.body)).not.toContain('hijack')
  })

  test.each<[string, Json]>([
    ['an empty value', { key: 'A', value: '' }],
    ['a value that is too long', { key: 'A', value: 'x'.repeat(32_769) }],
    ['NUL in it', { key: 'A', value: 'a\0b' }],
    ['a name that is no variable', { key: 'A-B', value: 'x' }],
    ['a misspelt member', { key: 'A', val: 'x' }],
    ['a further member', { key: 'A', value: 'x', scope: 'global' }],
  ])('with %s', async (_, body) => {
    expect(await call('PUT', '/settings/secrets', body)).toMatchObject({
      status: 400,
      body: { code: 'invalid_input' },
    })
  })

  test('when there are 200 already', async () => {
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

describe('without a key', () => {
  test('nothing is stored, and the answer names the setting', async () => {
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

describe('with a wrong key', () => {
  const OTHER_KEYS = 'its keys are changed while it runs'
  const otherKey = new Uint8Array(32).fill(7)
  const withKeys = (h: Harness, secretKeys: Uint8Array[]) => ({
    ...h.services,
    config: { ...h.services.config, secretKeys },
  })

  testInProcess(
    OTHER_KEYS,
    'nothing is overwritten, a machine does not start, and everybody is told why',
    async () => {
      const plane = await createHarness({ env: { SECRETS_ENCRYPTION_KEY: KEY } })
      try {
        const { id } = await plane.createWorkspace({ secrets: { PRECIOUS: 'kept' } })
        const stored = () => plane.db.select().from(schema.secrets)
        const before = await stored()
        const place = { workspaceId: id, key: 'PRECIOUS' }
        const wrong = withKeys(plane, [otherKey])
        await expect(saveSecret(wrong, place, 'overwritten')).rejects.toThrow(
          /sealed with key .{8}.*SECRETS_PREVIOUS_KEYS/,
        )
        await expect(saveSecret(wrong, { workspaceId: null, key: 'NEW' }, 'x')).rejects.toThrow(
          /cannot be read/,
        )
        expect(await stored()).toEqual(before)

        plane.services.config.secretKeys = [otherKey]
        const { body } = await plane.request<Json & { reason: Json }>(`/workspaces/${id}/restart`, {
          method: 'POST',
          headers: { prefer: 'wait=20' },
        })
        expect(body).toMatchObject({
          status: 'failed',
          reason: { code: 'secrets_unreadable', message: expect.stringContaining('PRECIOUS') },
        })
        expect(await stored()).toEqual(before)
      } finally {
        await plane.close()
      }
    },
  )

  test('ciphertexts that were swapped between places do not open', async () => {
    const plane = await createHarness({ env: { SECRETS_ENCRYPTION_KEY: KEY } })
    try {
      const a = await plane.createWorkspace({ secrets: { TOKEN: 'a' } })
      const b = await plane.createWorkspace({ secrets: { TOKEN: 'b' } })
      const { db } = plane
      const [of] = await db.select().from(schema.secrets).where(eq(schema.secrets.workspaceId, a.id))
      await db
        .update(schema.secrets)
        .set({ sealed: of?.sealed ?? '' })
        .where(eq(schema.secrets.workspaceId, b.id))
      const { body } = await plane.request(`/workspaces/${b.id}/restart`, {
        method: 'POST',
        headers: { prefer: 'wait=20' },
      })
      expect(body).toMatchObject({ status: 'failed', reason: { code: 'secrets_unreadable' } })
    } finally {
      await plane.close()
    }
  })

  testInProcess(
    OTHER_KEYS,
    'rotation reads with the old one and seals with the new one, beside a change at the same time',
    async () => {
      const plane = await createHarness({ env: { SECRETS_ENCRYPTION_KEY: KEY } })
      try {
        const { db } = plane
        const oldKey = plane.services.config.secretKeys[0] ?? otherKey
        for (let at = 0; at < 130; at++) {
          await saveSecret(plane.services, { workspaceId: null, key: `KEY_${at}` }, `value ${at}`)
        }
        const both = withKeys(plane, [otherKey, oldKey])
        const [rotation] = await Promise.all([
          rotateSecrets(db, [otherKey, oldKey], () => new Date()),
          saveSecret(both, { workspaceId: null, key: 'KEY_100' }, 'changed meanwhile'),
        ])
        expect(rotation.unreadable).toEqual([])
        await rotateSecrets(db, [otherKey, oldKey], () => new Date())
        const rows = await db.select().from(schema.secrets)
        expect(new Set(rows.map((row) => row.keyId))).toEqual(new Set([await keyIdOf(otherKey)]))
        for (const row of rows) {
          const value = row.key === 'KEY_100' ? 'changed meanwhile' : `value ${row.key.slice(4)}`
          expect(await unseal([otherKey], row, row)).toBe(value)
        }
      } finally {
        await plane.close()
      }
    },
  )
})

testInProcess(
  'its keys are changed while it runs',
  "a hook's secret is sealed with the same keys: rotated with them, and told when its key is lost",
  async () => {
    const id = await create()
    const path = `/workspaces/${id}/hooks`
    const secret = 'canary-of-a-hook-that-nobody-may-see'
    await call('POST', path, { name: 'a', scheme: 'bearer', secret })
    await call('POST', `${path}/a/rotate`)
    const { db } = h
    const [oldKey = new Uint8Array()] = h.services.config.secretKeys
    const newKey = new Uint8Array(32).fill(9)
    const send = async () =>
      (
        await h.request(`/webhooks/workspaces/${id}/a`, {
          method: 'POST',
          headers: { authorization: `Bearer ${secret}` },
          json: {},
        })
      ).status
    expect(await send()).toBe(202)
    const ids = await Promise.all([oldKey, newKey].map(keyIdOf))
    expect(await strangeKeys(db, [newKey])).toEqual([ids[0]])
    try {
      await rotateSecrets(db, [newKey, oldKey], () => new Date())
      expect(await strangeKeys(db, [oldKey])).toEqual([ids[1]])
      expect(await send()).toBe(401)
      h.services.config.secretKeys = [newKey]
      expect(await send()).toBe(202)
      // The key is lost, and what it sealed is given up.
      await deleteSealedWith(db, [ids[1] ?? ''])
      expect(await send()).toBe(401)
      expect((await call('GET', `${path}/a`)).body).toMatchObject({ secret_set_at: null })
      expect((await call('POST', `${path}/a/rotate`, { secret })).status).toBe(200)
      expect(await send()).toBe(202)
    } finally {
      await rotateSecrets(db, [oldKey, newKey], () => new Date())
      h.services.config.secretKeys = [oldKey]
    }
  },
)

test('the database holds no value, in no table', async () => {
  const canary = 'canary-that-nobody-may-see'
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

describe('sealing', () => {
  const keys = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const places: fc.Arbitrary<SecretPlace> = fc.record({
    workspaceId: fc.option(fc.uuid()),
    key: fc.string({ minLength: 1 }),
  })

  test('opens with its key at its place to exactly what was sealed', async () => {
    await fc.assert(
      fc.asyncProperty(keys, places, fc.string({ unit: 'grapheme' }), async (key, place, value) => {
        const sealed = await seal(key, place, value)
        expect(sealed.sealed).not.toBe((await seal(key, place, value)).sealed)
        expect(await unseal([new Uint8Array(32), key], place, sealed)).toBe(value)
      }),
    )
  })

  test('does not open with another key, at another place, or changed in any byte', async () => {
    await fc.assert(
      fc.asyncProperty(keys, places, places, fc.string(), fc.nat(), async (key, place, other, value, at) => {
        const { keyId, sealed } = await seal(key, place, value)
        const reading = (text: string, where: SecretPlace, by: Uint8Array) =>
          unseal([by], where, { keyId, sealed: text })
        await expect(
          reading(
            sealed,
            place,
            key.map((byte) => byte ^ 1),
          ),
        ).rejects.toThrow(Unreadable)
        fc.pre(JSON.stringify(place) !== JSON.stringify(other))
        await expect(reading(sealed, other, key)).rejects.toThrow(Unreadable)
        const bytes = Uint8Array.from(atob(sealed), (character) => character.charCodeAt(0))
        const spot = at % bytes.length
        bytes[spot] = (bytes[spot] ?? 0) ^ 1
        await expect(reading(btoa(String.fromCharCode(...bytes)), place, key)).rejects.toThrow(Unreadable)
      }),
    )
  })

  test('takes keys in base64 and in hex, and refuses everything else by name', () => {
    const hex = Buffer.from(KEY, 'base64').toString('hex')
    const [first] = parseConfig({ SECRETS_ENCRYPTION_KEY: KEY }).secretKeys
    expect(parseConfig({ SECRETS_ENCRYPTION_KEY: hex }).secretKeys).toEqual([first])
    for (const wrong of ['short', 'x'.repeat(32), hex.slice(2), `${KEY}AA`]) {
      expect(() => parseConfig({ SECRETS_ENCRYPTION_KEY: wrong })).toThrow(
        /SECRETS_ENCRYPTION_KEY must be 32 random bytes/,
      )
    }
    expect(() => parseConfig({ SECRETS_PREVIOUS_KEYS: KEY })).toThrow(/SECRETS_ENCRYPTION_KEY is not/)
  })
})
