// A rotation of the keys that seal secrets: another key is refused until `npm run secrets:rotate` has sealed everything anew.
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createPostgresDatabase } from '../../support/database.ts'
import type { Json } from '../../support/harness.ts'
import { createUsedServerFixture, spawnNode, startAndExpectExit } from '../../support/server.ts'
import { bundleOf } from '../../support/server-program.ts'
import { serversOfTests } from '../../support/servers-of-tests.ts'
import { startReceiver } from '../../support/webhook-receiver.ts'

const tests = serversOfTests(createUsedServerFixture)

test('another SECRETS_ENCRYPTION_KEY is refused unless the old key is given too, and after a rotation everything is read with it', async () => {
  const [old = '', other = ''] = ['b', 'c'].map((letter) => Buffer.alloc(32, letter).toString('base64'))
  const DATABASE_URL = await createPostgresDatabase()
  const first = await tests.start({ DATABASE_URL, SECRETS_ENCRYPTION_KEY: old })
  const receiver = await startReceiver()
  onTestFinished(() => receiver.close())
  const { body: endpoint } = await first.call<Json & { id: string; secret: string }>('/webhook-endpoints', {
    method: 'POST',
    json: { url: `${receiver.url}/hook` },
  })
  await receiver.control({ secrets: [endpoint.secret] })
  const saved = await first.call('/settings/secrets', { method: 'PUT', json: { key: 'A', value: 'kept' } })
  expect(saved).toMatchObject({ status: 200 })
  await first.end('SIGTERM')

  const settings = { ...tests.files.settings, DATABASE_URL, SECRETS_ENCRYPTION_KEY: other }
  const { code, stderr } = await startAndExpectExit(settings)
  expect(code).toBe(2)
  expect(stderr).toMatch(/SECRETS_ENCRYPTION_KEY does not open the stored secrets.*SECRETS_PREVIOUS_KEYS/)

  const rotation = spawnNode(await bundleOf('commands/secrets-rotate.ts'), {
    ...settings,
    SECRETS_PREVIOUS_KEYS: old,
  })
  expect(await rotation.exited).toMatchObject({ code: 0 })
  expect(rotation.printed.stdout).toMatch(/^sealed 2 anew with key [0-9a-f]{8}; 0 cannot be read\n$/)

  const second = await tests.start({ DATABASE_URL, SECRETS_ENCRYPTION_KEY: other })
  expect((await second.call('/settings/secrets')).body).toMatchObject([{ key: 'A' }])
  const { body } = await second.call(`/webhook-endpoints/${endpoint.id}/test`, { method: 'POST' })
  expect(body).toMatchObject({ delivered: true })
})

test('secrets:rotate finds the database in DATA_DIR, and fails if there is none', async () => {
  const program = await bundleOf('commands/secrets-rotate.ts')
  const there = spawnNode(program, {
    DATA_DIR: tests.files.settings.DATA_DIR,
    SECRETS_ENCRYPTION_KEY: 'ab'.repeat(32),
  })
  const missing = spawnNode(program, { DATA_DIR: join(tmpdir(), randomUUID()) })
  expect(await there.exited).toMatchObject({ code: 0 })
  expect(there.printed.stdout).toMatch(/^sealed 0 anew with key [0-9a-f]{8}; 0 cannot be read\n$/)
  expect(await missing.exited).toMatchObject({ code: 1 })
  expect(missing.printed.stderr).toContain('set DATABASE_URL, or DATA_DIR')
})
