// The operations of the console: rollouts as they go on, webhook endpoints, API tokens and the audit. Each view is also looked at as in views.test.ts.
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  ATTACK,
  ATTACK_NAME,
  type ConsoleFixture,
  openConsole,
  problemsOfViews,
  SETUP_MS,
  wasAttacked,
} from '../../support/console-page.ts'
import { digest, ended, image, imagesOf, read, start, until } from '../../support/rollouts.ts'

/** A third of the time for which each tranche is watched. */
const STEP_MS = 20_000

let fixture: ConsoleFixture
let receiverStatus = 500
beforeAll(async () => {
  fixture = await openConsole({
    env: { SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64') },
    hosts: {
      'https://receiver.example': () =>
        new Response(receiverStatus === 204 ? null : ATTACK, { status: receiverStatus }),
    },
  })
}, SETUP_MS)
afterAll(() => fixture.close())

test('a rollout is started, followed tranche by tranche, halted, resumed and rolled back', async () => {
  const { h } = fixture
  const fleet = await Promise.all(
    ['one', 'two', ATTACK_NAME].map((name) => h.createWorkspace({ name, runtime: 'hermes' })),
  )
  const before = await imagesOf(h, fleet)
  const page = await fixture.open('#/operations?tab=rollouts')
  await page.getByText('There are no rollouts.').waitFor()
  await page.getByRole('combobox', { name: 'Runtime' }).selectOption('hermes')
  await page.getByLabel('Image, or a digest').fill(digest('1'))
  await page.getByLabel('Tranches').fill('1, 2')
  await page.getByRole('button', { name: 'Start' }).click()
  const tranche = (number: number) => page.getByRole('listitem').filter({ hasText: `Tranche ${number} ` })
  await tranche(1).getByText('1 workspace').waitFor()
  const id = new URLSearchParams(page.url().split('?')[1]).get('id') ?? ''

  await until(h, id, ({ tranche: number }) => number === 2, STEP_MS)
  await tranche(1).getByText('1 of 1 ready, over').waitFor()
  await tranche(3).getByText('comes later').waitFor()

  const press = async (name: string) => {
    await page.getByRole('button', { name, exact: true }).click()
    const dialog = page.getByRole('dialog', { name: `${name} the rollout of hermes?` })
    await dialog.getByRole('button', { name, exact: true }).click()
    await dialog.waitFor({ state: 'detached' })
  }
  await press('Halt')
  await page.getByText('A caller halted it.').waitFor()
  expect((await read(h, id)).state).toBe('halted')
  expect(await page.getByRole('button', { name: 'Halt', exact: true }).count()).toBe(0)
  await press('Resume')
  await until(h, id, ended, STEP_MS)
  await page.getByText('completed', { exact: true }).waitFor()
  expect(await imagesOf(h, fleet)).toEqual([image('1'), image('1'), image('1')])
  await page.getByRole('row').filter({ hasText: ATTACK_NAME }).getByText('ready').first().waitFor()

  expect(
    await problemsOfViews(page, [
      ['a rollout', `#/operations?tab=rollouts&id=${id}`, /^Tranche 3/],
      ['rollouts', '#/operations?tab=rollouts', 'Images of the runtimes'],
    ]),
  ).toEqual([])
  await page.getByRole('link', { name: 'hermes', exact: true }).click()
  await press('Roll back')
  await until(h, id, ({ state }) => state === 'rolled_back', STEP_MS)
  await page.getByText('rolled back', { exact: true }).waitFor()
  // The earlier image by its digest, whatever its tag means by then.
  const [first = ''] = before
  for (const after of await imagesOf(h, fleet)) expect(after).toContain(first.replace(/:latest$/, ''))
  expect(await imagesOf(h, fleet)).not.toContain(image('1'))
  expect(await wasAttacked(page)).toBe(false)
  expect(fixture.failures).toEqual([])
})

test('older rollouts than the newest are shown page by page', async () => {
  const { h } = fixture
  for (let made = 0; made < 21; made++) {
    const { body } = await start(h, { runtime: 'codex', digest: digest('1') })
    await until(h, body.id, ended)
  }
  const page = await fixture.open('#/operations?tab=rollouts')
  const listed = page.getByRole('link', { name: 'codex', exact: true })
  const older = page.getByRole('button', { name: 'Older rollouts' })
  await older.waitFor()
  expect(await listed.count()).toBe(20)
  await older.click()
  await older.waitFor({ state: 'detached' })
  expect(await listed.count()).toBe(21)
  expect(fixture.failures).toEqual([])
})

test('a webhook endpoint is created, and its dead letters are replayed', async () => {
  const { h } = fixture
  const page = await fixture.open('#/operations?tab=webhooks')
  await page.getByLabel('Address').fill('https://receiver.example/events')
  await page.getByLabel('Events').fill('workspace_created')
  await page.getByLabel('What it is for').fill(ATTACK_NAME)
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await page.getByText('Secret, shown only now').waitFor()
  const read = async () =>
    (await h.request<{ id: string; dead: number; enabled: boolean }[]>('/webhook-endpoints')).body[0]
  const id = (await read())?.id ?? ''
  await h.createWorkspace({ name: ATTACK_NAME })
  // Deliveries that fail are repeated for three days.
  for (let half = 0; half < 12 && (await read())?.dead === 0; half++) {
    await h.deliver()
    h.advance(12 * 3_600_000)
  }

  await page.getByRole('button', { name: 'Read again' }).click()
  await page.getByText('failing', { exact: true }).waitFor()
  await page.getByRole('link', { name: 'https://receiver.example/events' }).click()
  await page.getByText('dead', { exact: true }).waitFor()
  expect(
    await problemsOfViews(page, [
      ['webhooks', '#/operations?tab=webhooks', 'failing'],
      ['a webhook endpoint', `#/operations?tab=webhooks&id=${id}`, 'dead'],
    ]),
  ).toEqual([])
  await page.getByRole('button', { name: 'Send a test event' }).click()
  await page.getByText('The test event failed').waitFor()

  receiverStatus = 204
  await page.getByRole('button', { name: /^Replay \d/ }).click()
  await page.getByText('pending', { exact: true }).waitFor()
  await h.deliver()
  await page.getByRole('button', { name: 'Read again' }).click()
  await page.getByText('Nothing waits, and nothing was given up.').waitFor()
  expect(await read()).toMatchObject({ dead: 0, pending: 0, failing_since: null })

  await page.getByRole('button', { name: 'Rotate the secret' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Rotate the secret' }).click()
  await page.getByText('Secret, shown only now').waitFor()
  await page.getByRole('button', { name: 'Disable', exact: true }).click()
  await page.getByRole('button', { name: 'Enable', exact: true }).waitFor()
  expect(await read()).toMatchObject({ enabled: false })
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByText('There are no webhook endpoints.').waitFor()
  expect(await read()).toBeUndefined()
  expect(await wasAttacked(page)).toBe(false)
  expect(fixture.failures).toEqual([])
})

test('an API token is shown once, works, and is refused after it was revoked', async () => {
  const { h } = fixture
  const page = await fixture.open('#/operations?tab=tokens')
  await page.getByText('There are no API tokens.').waitFor()
  await page.getByLabel('Name').fill(ATTACK_NAME)
  await page.getByLabel('What it may do').selectOption('operate')
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  const token = await page.getByText('Token, shown only now').locator('code').innerText()
  const me = () => h.request('/me', { headers: { authorization: `Bearer ${token}` } })
  expect((await me()).body).toMatchObject({ name: ATTACK_NAME, scopes: ['read', 'operate'] })
  expect(await problemsOfViews(page, [['tokens', '#/operations?tab=tokens', ATTACK_NAME]])).toEqual([])
  await page.reload()
  await page.getByRole('button', { name: `Revoke ${ATTACK_NAME}` }).waitFor()
  expect(await page.content()).not.toContain(token)
  await page.getByRole('button', { name: `Revoke ${ATTACK_NAME}` }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await page.getByText('There are no API tokens.').waitFor()
  await expect.poll(async () => (await me()).status).toBe(401)
  expect(await wasAttacked(page)).toBe(false)
  expect(fixture.failures).toEqual([])
})

test('the audit says who asked for what, by outcome and page by page', async () => {
  const { h } = fixture
  await h.request(`/workspaces/${crypto.randomUUID()}`, {
    method: 'DELETE',
    headers: { 'user-agent': ATTACK },
  })
  for (let count = 0; count < 110; count++)
    await h.request('/tokens', { method: 'POST', json: { name: 'of this test', scopes: [] } })
  await h.untilIdle()
  const page = await fixture.open('#/operations?tab=audit')
  const rows = page.locator('tbody tr')
  await expect.poll(() => rows.count()).toBe(100)
  await page.getByRole('button', { name: 'Older entries' }).click()
  await expect.poll(() => rows.count()).toBeGreaterThan(110)
  await page.getByLabel('What').fill('DELETE /workspaces/:id')
  await page.getByLabel('What').press('Enter')
  await page.getByText(ATTACK).waitFor()
  await page.getByLabel('Outcome').selectOption('ok')
  await page.getByText('Nothing was asked for.').waitFor()
  expect(page.url()).toContain('outcome=ok')
  expect(await problemsOfViews(page, [['the audit', '#/operations?tab=audit', 'Older entries']])).toEqual([])
  expect(await wasAttacked(page)).toBe(false)
  expect(fixture.failures).toEqual([])
})
