// What Fly answers is kept, and its timing is respected: its own words, secrets that reach hosts late, waits that it refuses at once
// (faults of the emulator for answers that Fly's own clients met).
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { workspaceSteps } from '../support/workspace-steps.ts'

let h: Harness
beforeEach(async () => {
  h = await createHarness({ env: { SECRETS_ENCRYPTION_KEY: '11'.repeat(32) } })
})
afterEach(() => h.close())
const { create, until } = workspaceSteps(() => h)

test.each([
  [403, 'Your account has been marked as high risk', 'forbidden'],
  [400, 'could not resolve image ghcr.io/acme/x: HEAD: 403 Forbidden', 'image_unpullable'],
  [422, 'invalid config.guest.memory_mb', 'invalid_machine'],
])(
  'a create that Fly refuses with %d keeps its words, status and request id in the reason and in explain',
  async (status, words, code) => {
    h.emulator.faults.add({ kind: 'answer', action: 'machine.create', status, body: words })
    const row = await until(await create(), 'failed')
    const provider = { status, text: words, request_id: expect.any(String) }
    expect(row['reason']).toMatchObject({ code, message: expect.stringContaining(words), provider })
    const { body } = await h.request(`/workspaces/${String(row['id'])}/explain`)
    expect(body).toMatchObject({ last_failure: { provider } })
  },
)

test('the words of Fly do not repeat a secret of the workspace', async () => {
  h.emulator.faults.add({
    kind: 'answer',
    action: 'machine.create',
    status: 422,
    body: 'bad value sk-very-secret',
  })
  const row = await until(await create({ secrets: { KEY: 'sk-very-secret' } }), 'failed')
  expect(JSON.stringify(row)).not.toContain('sk-very-secret')
  expect(row['reason']).toMatchObject({ provider: { text: 'bad value [secret]' } })
})

test('secrets are written once for a launch, and a launch waits until the host has that version', async () => {
  h.emulator.faults.add({ kind: 'secrets-lag', ms: 12_000 })
  await until(await create(), 'ready')
  const writes = h.outgoing.filter(({ method, url }) => method === 'POST' && url.endsWith('/secrets'))
  expect(writes).toHaveLength(1)
  const creates = h.outgoing.filter(({ method, url }) => method === 'POST' && url.endsWith('/machines'))
  expect(creates.length).toBeGreaterThan(1)
  expect(new Set(creates.map(({ body }) => (JSON.parse(body) as Json)['min_secrets_version'])).size).toBe(1)
})

test('a wait that Fly refuses at once is repeated at growing intervals', async () => {
  h.emulator.faults.add({ kind: 'answer', action: 'machine.wait', status: 400, body: 'invalid state' })
  await until(await create(), 'ready')
  const waits = h.outgoing.filter(({ url }) => url.includes('/wait?'))
  expect(waits.length).toBeLessThan(8)
})
