// Every view of the console: what it shows and does, that axe finds nothing wrong in it in either theme, that it fits a small
// screen, and that nothing that an agent or another person wrote becomes markup.
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  ATTACK,
  ATTACK_NAME,
  type ConsoleFixture,
  openConsole,
  problemsOfViews,
  SETUP_MS,
  type View,
  wasAttacked,
} from '../../support/console-page.ts'
import { sampleAgent } from '../../../lib/emulator/sample-agent/sample-agent.ts'

let fixture: ConsoleFixture
let id: string
beforeAll(async () => {
  fixture = await openConsole({
    env: { SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64') },
    programs: {
      'ghcr.io/molecule-ai/workspace-hermes*': (machine) => {
        machine.log(ATTACK)
        return sampleAgent(machine)
      },
    },
  })
  const { h } = fixture
  const workspace = await h.createWorkspace({
    name: ATTACK_NAME,
    role: ATTACK_NAME,
    labels: { team: 'red' },
    env: { NOTE: ATTACK },
  })
  id = workspace.id
  const post = async (path: string, json: unknown, method = 'POST') => {
    const { body, status } = await h.request(`/workspaces/${id}${path}`, { method, json })
    if (status >= 400) throw new Error(`${path} answered ${status}: ${JSON.stringify(body)}`)
  }
  await post('/secrets', { key: 'API_KEY', value: 'secret-value' }, 'PUT')
  await post('/hooks', { name: 'builds', scheme: 'bearer', template: ATTACK })
  await post('/schedules', { name: 'morning', cron: '0 9 * * *', time_zone: 'UTC', message: ATTACK })
  await post('/activity', {
    activity_type: 'agent_log',
    summary: ATTACK,
    error_detail: ATTACK,
    status: 'error',
  })
  await post('/snapshots', {})
  await h.fetchRaw(`/workspaces/${id}/files/content?path=${encodeURIComponent('/workspace/<b>x')}`, {
    method: 'PUT',
    body: ATTACK,
  })
  const peer = await h.createWorkspace({ name: 'peer', parent_id: id })
  await post('/delegate', { target_id: peer.id, task: ATTACK })
  await h.request(`/workspaces/${id}/a2a`, {
    method: 'POST',
    headers: { prefer: 'respond-async' },
    json: {
      jsonrpc: '2.0',
      id: ATTACK,
      method: 'message/send',
      params: { message: { role: 'user', messageId: ATTACK, parts: [{ kind: 'text', text: ATTACK }] } },
    },
  })
  await h.untilIdle()
  // On Workers stored messages wait for the cron trigger.
  await h.deliver()
  await h.createWorkspace({ name: 'broken', image: 'ghcr.io/molecule-ai/no-such-image', parent_id: id })
}, SETUP_MS)
afterAll(() => fixture.close())

const views = (): View[] => [
  ['the fleet', '#/', 'broken'],
  ['the fleet as a tree', '#/?group=tree', 'broken'],
  ['the overview', `#/workspaces/${id}`, 'workspace created'],
  ['chat', `#/workspaces/${id}/chat`, /^Talk to/],
  ['events', `#/workspaces/${id}/events`, 'workspace created'],
  ['activity', `#/workspaces/${id}/activity`, 'error'],
  ['logs', `#/workspaces/${id}/logs`, ATTACK],
  ['commands', `#/workspaces/${id}/command`, 'Run a command in the machine.'],
  ['files', `#/workspaces/${id}/files`, 'Changed'],
  ['the disk', `#/workspaces/${id}/disk`, 'Mounted at'],
  ['secrets', `#/workspaces/${id}/secrets`, 'API_KEY'],
  ['hooks', `#/workspaces/${id}/hooks`, 'bearer'],
  ['schedules', `#/workspaces/${id}/schedules`, 'morning'],
  ['messages', `#/workspaces/${id}/messages`, 'answered'],
  ['delegations', `#/workspaces/${id}/delegations`, 'completed'],
  ["a workspace's tokens", `#/workspaces/${id}/tokens`, 'Begins with'],
  ['creating', '#/new', 'What it is'],
  ['all events', '#/events', 'Since this page was opened, the newest 500.'],
  ['machines', '#/operations', /machines and/],
  ['regions', '#/operations?tab=regions', 'iad'],
  ['an unknown view', '#/no/such/view', 'There is no such view.'],
]

test('every view is accessible in both themes, fits 360 pixels, and runs nothing that others wrote', async () => {
  const page = await fixture.open('#/', { reducedMotion: 'reduce' })
  await page.getByText('Live', { exact: true }).waitFor()
  expect(await problemsOfViews(page, views())).toEqual([])
  expect(await wasAttacked(page)).toBe(false)
  expect(fixture.failures).toEqual([])
})

test('what an agent answers, prints and writes into files is text', async () => {
  const page = await fixture.open(`#/workspaces/${id}/chat`)
  const message = page.getByRole('textbox', { name: /^Message to/ })
  await message.fill(ATTACK)
  await message.press('Enter')
  await page.locator('.turn-agent .turn-text').getByText(`Echo: ${ATTACK}`).waitFor()

  await page.getByRole('link', { name: 'Command', exact: true }).click()
  await page.getByRole('textbox', { name: 'Command line' }).fill(`echo '${ATTACK}'`)
  await page.getByRole('button', { name: 'Run' }).click()
  await page.locator('.run pre').getByText(ATTACK).waitFor()

  await page.getByRole('link', { name: 'Files', exact: true }).click()
  await page.getByRole('button', { name: '<b>x', exact: true }).click()
  await page.locator('pre').getByText(ATTACK).waitFor()

  await page.getByRole('link', { name: 'Logs', exact: true }).click()
  await page.locator('.log-message').getByText(ATTACK).first().waitFor()
  expect(await wasAttacked(page)).toBe(false)
  expect(fixture.failures).toEqual([])
})

test('secrets, hooks, schedules and snapshots are made and deleted', async () => {
  const { h } = fixture
  const page = await fixture.open(`#/workspaces/${id}/secrets`)
  const confirm = (name: string) =>
    page.getByRole('dialog', { name }).getByRole('button', { name: 'Delete', exact: true }).click()
  const names = async (path: string, key: string) =>
    (await h.request<Record<string, unknown>[]>(`/workspaces/${id}/${path}`)).body.map((row) => row[key])

  await page.getByLabel('Name').fill('OTHER_KEY')
  await page.getByLabel('Value').fill('never-shown-again')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('OTHER_KEY', { exact: true }).waitFor()
  expect(await page.content()).not.toContain('never-shown-again')
  await page.getByRole('button', { name: 'Delete OTHER_KEY' }).click()
  await confirm('Delete OTHER_KEY?')
  await expect.poll(() => names('secrets', 'key')).toEqual(['API_KEY'])

  await page.getByRole('link', { name: 'Hooks', exact: true }).click()
  await page.getByLabel('Name').fill('alerts')
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await page.getByText('Secret, shown only now').waitFor()
  await page.getByRole('button', { name: 'Delete alerts' }).click()
  await confirm('Delete the hook alerts?')
  await expect.poll(() => names('hooks', 'name')).toEqual(['builds'])

  await page.getByRole('link', { name: 'Schedules', exact: true }).click()
  await page.getByRole('button', { name: 'Disable morning' }).click()
  await page.getByRole('button', { name: 'Enable morning' }).waitFor()
  await page.getByLabel('Name').fill('evening')
  await page.getByLabel('Cron expression').fill('not a cron')
  await page.getByLabel('Message').fill('Good night')
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await page.getByRole('alert').waitFor()
  await page.getByLabel('Cron expression').fill('0 20 * * *')
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await expect.poll(() => names('schedules', 'name')).toEqual(expect.arrayContaining(['evening']))
  expect(fixture.failures).toEqual([])
})

test('stored messages and delegations are shown with their answers, and tokens are created and revoked', async () => {
  const { h } = fixture
  const page = await fixture.open(`#/workspaces/${id}/messages`)
  await page.getByRole('button', { name: /^Answer to/ }).click()
  await page.getByRole('dialog').getByText('Echo: <img').waitFor()
  await page.keyboard.press('Escape')
  await page.getByLabel('State').selectOption('queued')
  await page.getByText('There are no stored messages.').waitFor()
  await page.getByRole('link', { name: 'Delegations', exact: true }).click()
  const row = page.getByRole('row').filter({ hasText: ATTACK })
  await row.getByRole('link', { name: 'peer' }).waitFor()

  await page.getByRole('link', { name: 'Tokens', exact: true }).click()
  await page.getByRole('button', { name: 'Create a token' }).click()
  const token = await page.getByText('Token, shown only now').locator('code').innerText()
  const secrets = () =>
    h.request(`/workspaces/${id}/secrets/values`, { headers: { authorization: `Bearer ${token}` } })
  expect((await secrets()).status).toBe(200)
  let prefix = ''
  await expect
    .poll(async () => {
      prefix = await page.locator('tbody code').first().innerText()
      return token.startsWith(prefix)
    })
    .toBe(true)
  await page.getByRole('button', { name: `Revoke ${prefix}` }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await expect.poll(async () => (await secrets()).status).toBe(401)
  expect(await wasAttacked(page)).toBe(false)
  expect(fixture.failures).toEqual([])
})

test('2,000 workspaces are in the list, its beginning at once, and only the visible rows in the document', async () => {
  const { body } = await fixture.h.request<Record<string, unknown>>(`/workspaces/${id}`)
  const many = Array.from({ length: 2_000 }, (_, index) => ({
    ...body,
    id: crypto.randomUUID(),
    name: `agent-${String(index).padStart(4, '0')}`,
    parent_id: null,
  }))
  const page = await fixture.open('#/no/such/view')
  const { promise: isAwaited, resolve: release } = Promise.withResolvers<void>()
  await page.route('**/workspaces?*', async (route) => {
    const isBeginning = new URL(route.request().url()).searchParams.get('limit') === '100'
    if (!isBeginning) await isAwaited
    await route.fulfill({
      json: isBeginning ? many.slice(0, 100) : many,
      headers: isBeginning ? { link: `<${fixture.url}/workspaces?cursor=next>; rel="next"` } : {},
    })
  })
  await page.goto(`${fixture.url}/console#/?sort=name`)
  await page.reload()
  await page.getByRole('link', { name: 'agent-0000' }).waitFor()
  // Sums over the beginning would be wrong.
  const totals = page.getByRole('region', { name: 'Totals' })
  expect(await totals.innerText()).toMatch(/^Workspaces\s+…/)
  release()
  await totals.getByText('2,000', { exact: true }).waitFor()
  expect(await page.getByRole('table').getAttribute('aria-rowcount')).toBe('2001')
  expect(await page.locator('.row-link').count()).toBeLessThan(80)
  await page.locator('.list-body').evaluate((element) => element.scrollTo(0, element.scrollHeight))
  await page.getByRole('link', { name: 'agent-1999' }).waitFor()
  expect(await page.locator('.row-link').count()).toBeLessThan(80)
})
