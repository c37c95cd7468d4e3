// The keys that seal secrets: rotation, lost keys, and sealed values that do not open. A secret that cannot be read stops the machine
// with a reason.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eq } from 'drizzle-orm'
import * as schema from '../../drizzle/schema/index.ts'
import { parseConfig } from '../../lib/config/config.ts'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { saveSecret } from '../../lib/workspaces/change-secrets.ts'
import { deleteSealedWith, rotateSecrets, unknownKeyIds } from '../../lib/secrets/rotate.ts'
import { keyIdOf, seal, type SecretLocation, Unreadable, unseal } from '../../lib/secrets/seal.ts'
import { testInProcess } from '../support/control-plane.ts'
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

describe('lost and changed keys', () => {
  const OTHER_KEYS = 'its keys are changed at run time'
  const otherKey = new Uint8Array(32).fill(7)
  const withKeys = (h: Harness, secretKeys: Uint8Array[]) => ({
    ...h.services,
    config: { ...h.services.config, secretKeys },
  })

  testInProcess(
    OTHER_KEYS,
    'a wrong key overwrites no secret, starts no machine, and is named as the reason',
    async () => {
      const harness = await createHarness({ env: { SECRETS_ENCRYPTION_KEY: KEY } })
      try {
        const { id } = await harness.createWorkspace({ secrets: { PRECIOUS: 'kept' } })
        const stored = () => harness.db.select().from(schema.secrets)
        const before = await stored()
        const place = { workspaceId: id, key: 'PRECIOUS' }
        const wrong = withKeys(harness, [otherKey])
        await expect(saveSecret(wrong, place, 'overwritten')).rejects.toThrow(
          /sealed with key .{8}.*SECRETS_PREVIOUS_KEYS/,
        )
        await expect(saveSecret(wrong, { workspaceId: null, key: 'NEW' }, 'x')).rejects.toThrow(
          /cannot be decrypted/,
        )
        expect(await stored()).toEqual(before)

        harness.services.config.secretKeys = [otherKey]
        const { body } = await harness.request<Json & { reason: Json }>(`/workspaces/${id}/restart`, {
          method: 'POST',
          headers: { prefer: 'wait=20' },
        })
        expect(body).toMatchObject({
          status: 'failed',
          reason: { code: 'secrets_unreadable', message: expect.stringContaining('PRECIOUS') },
        })
        expect(await stored()).toEqual(before)
      } finally {
        await harness.close()
      }
    },
  )

  test('ciphertexts that are swapped between workspaces do not open', async () => {
    const harness = await createHarness({ env: { SECRETS_ENCRYPTION_KEY: KEY } })
    try {
      const a = await harness.createWorkspace({ secrets: { TOKEN: 'a' } })
      const b = await harness.createWorkspace({ secrets: { TOKEN: 'b' } })
      const { db } = harness
      const [row] = await db.select().from(schema.secrets).where(eq(schema.secrets.workspaceId, a.id))
      await db
        .update(schema.secrets)
        .set({ sealed: row?.sealed ?? '' })
        .where(eq(schema.secrets.workspaceId, b.id))
      const { body } = await harness.request(`/workspaces/${b.id}/restart`, {
        method: 'POST',
        headers: { prefer: 'wait=20' },
      })
      expect(body).toMatchObject({ status: 'failed', reason: { code: 'secrets_unreadable' } })
    } finally {
      await harness.close()
    }
  })

  testInProcess(
    OTHER_KEYS,
    'a rotation reads with the old key and seals with the new one, also during a concurrent change',
    async () => {
      const harness = await createHarness({ env: { SECRETS_ENCRYPTION_KEY: KEY } })
      try {
        const { db } = harness
        const oldKey = harness.services.config.secretKeys[0] ?? otherKey
        for (let at = 0; at < 130; at++) {
          await saveSecret(harness.services, { workspaceId: null, key: `KEY_${at}` }, `value ${at}`)
        }
        const both = withKeys(harness, [otherKey, oldKey])
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
        await harness.close()
      }
    },
  )
})

testInProcess(
  'its keys are changed at run time',
  'the secret of a hook is rotated with the same keys, and its loss is reported',
  async () => {
    const id = await create()
    const path = `/workspaces/${id}/hooks`
    const secret = 'canary-of-a-hook-secret'
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
    expect(await unknownKeyIds(db, [newKey])).toEqual([ids[0]])
    try {
      await rotateSecrets(db, [newKey, oldKey], () => new Date())
      expect(await unknownKeyIds(db, [oldKey])).toEqual([ids[1]])
      expect(await send()).toBe(401)
      h.services.config.secretKeys = [newKey]
      expect(await send()).toBe(202)
      // The key is lost, so the secrets that it sealed are deleted.
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

describe('sealing', () => {
  const keys = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const places: fc.Arbitrary<SecretLocation> = fc.record({
    workspaceId: fc.option(fc.uuid()),
    key: fc.string({ minLength: 1 }),
  })

  test('a sealed value opens with its key and its place, and is unchanged', async () => {
    await fc.assert(
      fc.asyncProperty(keys, places, fc.string({ unit: 'grapheme' }), async (key, place, value) => {
        const sealed = await seal(key, place, value)
        expect(sealed.sealed).not.toBe((await seal(key, place, value)).sealed)
        expect(await unseal([new Uint8Array(32), key], place, sealed)).toBe(value)
      }),
    )
  })

  test('a sealed value does not open with another key, at another place, or after any change', async () => {
    await fc.assert(
      fc.asyncProperty(keys, places, places, fc.string(), fc.nat(), async (key, place, other, value, at) => {
        const { keyId, sealed } = await seal(key, place, value)
        const reading = (text: string, where: SecretLocation, by: Uint8Array) =>
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

  test('keys are accepted in base64 and hex, and any other value is refused by name', () => {
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
