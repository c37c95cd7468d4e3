// The console in a real Chromium: what a person sees and does there, and what the server then has.
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { type ConsoleFixture, openConsole, SETUP_MS } from '../../support/console-page.ts'

let fixture: ConsoleFixture
beforeAll(async () => {
  fixture = await openConsole()
}, SETUP_MS)
afterAll(() => fixture.close())

/** Sweeps until the page shows it. */
const untilVisible = (page: Page, text: string) =>
  expect
    .poll(async () => {
      await fixture.h.sweep()
      return page.getByText(text, { exact: true }).first().isVisible()
    })
    .toBe(true)

const statusOf = async (id: string) => (await fixture.h.request(`/workspaces/${id}`)).body['status']

test('a newcomer creates a workspace, talks to it, learns why another one failed, and removes both', async () => {
  const page = await fixture.open()
  await page.getByRole('button', { name: 'Create fly-worker and talk to it' }).click()
  await untilVisible(page, 'ready')
  const message = page.getByRole('textbox', { name: 'Message to fly-worker' })
  expect(await message.inputValue()).toBe('What region are you running in?')
  await message.press('Enter')
  await page.locator('.turn-agent.turn-done .turn-text').getByText('ord').waitFor()

  // A stream is shown piece by piece, as one answer.
  await message.fill('stream 3')
  await message.press('Enter')
  await page.getByText('chunk 3 of 3').waitFor()
  await page.getByRole('button', { name: 'Send' }).waitFor()

  await page.getByRole('link', { name: 'New workspace' }).click()
  await page.getByRole('textbox', { name: 'Name' }).first().fill('broken')
  await page.getByText('Model, image, labels').click()
  await page.getByRole('textbox', { name: 'Image in place' }).fill('ghcr.io/molecule-ai/no-such-image')
  await page.getByRole('button', { name: 'Create' }).click()
  await untilVisible(page, 'failed')
  await page.getByText('image unpullable').first().waitFor()
  await page.getByText('Check that ghcr.io/molecule-ai/no-such-image exists').first().waitFor()

  for (const name of ['broken', 'fly-worker']) {
    await page.getByRole('link', { name: 'Fleet' }).first().click()
    await page.getByRole('link', { name, exact: true }).click()
    await page.getByRole('button', { name: 'Delete', exact: true }).click()
    const dialog = page.getByRole('dialog', { name: `Delete ${name}?` })
    await dialog.getByText('Disk', { exact: true }).waitFor()
    await dialog.getByRole('button', { name: 'Delete', exact: true }).click()
    await page.getByRole('heading', { name: 'Fleet' }).waitFor()
  }
  await page.getByText('There are no workspaces yet.').waitFor()
  expect((await fixture.h.request<unknown[]>('/workspaces')).body).toEqual([])
  expect(fixture.failures).toEqual([])
})

test('the list follows what others do, and filters, groups and sorts it', async () => {
  const { h } = fixture
  const page = await fixture.open()
  await page.getByText('Live', { exact: true }).waitFor()
  const first = await h.createWorkspace({ name: 'lead', region: 'fra', labels: { team: 'red' } })
  await h.createWorkspace({ name: 'helper', region: 'iad', parent_id: first.id, labels: { team: 'blue' } })
  await page.getByRole('link', { name: 'lead', exact: true }).waitFor()
  await page.getByRole('link', { name: 'helper', exact: true }).waitFor()

  await h.request(`/workspaces/${first.id}/pause`, { method: 'POST', headers: { prefer: 'wait=20' } })
  const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: 'lead', exact: true }) })
  await row.getByText('paused').waitFor()

  const names = () => page.locator('.row-link').allInnerTexts()
  await page.keyboard.press('/')
  await page.keyboard.type('team=red')
  await expect.poll(names).toEqual(['lead'])
  expect(page.url()).toContain('q=team%3Dred')
  await page.getByRole('searchbox').fill('')
  await page.getByLabel('Group by').selectOption('label:team')
  await expect.poll(() => page.locator('.list-group').allInnerTexts()).toEqual(['blue 1', 'red 1'])
  await page.getByLabel('Group by').selectOption('tree')
  await expect.poll(names).toEqual(['lead', 'helper'])
  expect(await page.locator('.depth-1 .row-link').innerText()).toBe('helper')

  // The keyboard alone leads from the first row to the next one, and into it.
  await page.getByRole('link', { name: 'lead', exact: true }).focus()
  await page.keyboard.press('ArrowDown')
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('helper')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'helper', level: 1 }).waitFor()
  expect(fixture.failures).toEqual([])
})

test('the verbs say what they keep, are carried out, and are shown as commands', async () => {
  const { h } = fixture
  const { id } = await h.createWorkspace({ name: 'verbs' })
  const page = await fixture.open(`#/workspaces/${id}`)
  const press = async (verb: string) => {
    await page.getByRole('button', { name: verb, exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: verb, exact: true }).click()
    await dialog.waitFor({ state: 'detached' })
  }

  await page.getByRole('button', { name: 'Pause', exact: true }).click()
  await page.getByRole('dialog').getByText('kept').first().waitFor()
  await page.getByText('Show as curl / CLI').click()
  const curl = await page.getByRole('region', { name: 'curl command' }).innerText()
  expect(curl).toBe(`curl -s -X POST ${fixture.url}/workspaces/${id}/pause`)
  // Escape closes the dialog and changes nothing.
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  expect(await statusOf(id)).toBe('ready')

  await press('Pause')
  await untilVisible(page, 'paused')
  await press('Resume')
  await untilVisible(page, 'ready')
  await press('Hibernate')
  await untilVisible(page, 'hibernated')
  expect(await statusOf(id)).toBe('hibernated')
  expect(fixture.failures).toEqual([])
})

test('the script and the style sheet are smaller than 200 kB, compressed', async () => {
  const sizes = await Promise.all(
    ['console.js', 'console.css'].map(async (file) => {
      const response = await fetch(`${fixture.url}/console/${file}`)
      expect(response.status).toBe(200)
      return gzipSync(await response.bytes()).byteLength
    }),
  )
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(200_000)
})

test('the page says that it is disconnected, and becomes current by itself', async () => {
  const { h } = fixture
  const page = await fixture.open('#/')
  await page.getByText('Live', { exact: true }).waitFor()
  // It comes with the first values.
  const charts = page.getByRole('combobox', { name: 'Charts' })
  await charts.waitFor()
  fixture.setUp(false)
  await page.getByRole('alert').getByText('The connection to the server is lost').waitFor()
  await charts.selectOption('hour')
  await page.getByRole('region', { name: 'Charts' }).getByRole('alert').waitFor()
  await h.createWorkspace({ name: 'made-meanwhile' })
  fixture.setUp(true)
  await page.getByRole('link', { name: 'made-meanwhile', exact: true }).waitFor()
  await expect.poll(() => page.getByRole('alert').count()).toBe(0)
})
