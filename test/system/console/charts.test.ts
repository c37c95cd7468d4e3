// The charts of the console: what they say of the fleet's history, drawn and in words. And what a new workspace would cost.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ConsoleFixture, openConsole, SETUP_MS } from '../../support/console-page.ts'

let fixture: ConsoleFixture
beforeAll(async () => {
  fixture = await openConsole()
}, SETUP_MS)
afterAll(() => fixture.close())

test('the charts show statuses over time, times to ready, causes of trouble and cost, and follow what happens', async () => {
  const { h } = fixture
  const first = await h.createWorkspace({ name: 'first' })
  const second = await h.createWorkspace({ name: 'second', runtime: 'codex' })
  await h.createWorkspace({ name: 'broken', image: 'ghcr.io/molecule-ai/no-such-image' })
  for (const verb of ['pause', 'resume'])
    await h.request(`/workspaces/${second.id}/${verb}`, { method: 'POST', headers: { prefer: 'wait=20' } })

  const page = await fixture.open('#/?charts=hour')
  const charts = page.getByRole('region', { name: 'Charts' })
  const chart = (title: string) => charts.getByRole('figure', { name: title })
  await chart('Workspaces by status').getByRole('img', { name: 'Now 1 failed, 2 ready.' }).waitFor()
  await chart('Creation to ready')
    .getByRole('img', { name: /^2 workspaces, at most [\d.]+ s\.$/ })
    .waitFor()
  const causes = chart('Came into trouble because of')
  expect(await causes.getByRole('listitem').allInnerTexts()).toEqual([
    expect.stringMatching(/^image unpullable\s+1$/),
  ])
  const costs = chart('Cost per month by runtime').getByRole('listitem')
  await expect.poll(() => costs.allInnerTexts()).toContainEqual(expect.stringMatching(/^codex\s+\$\d/))

  // The colours are on the canvas, and the pointer reads the values of its time.
  const canvas = chart('Workspaces by status').locator('canvas')
  const ready = () =>
    canvas.evaluate((element: HTMLCanvasElement) => {
      const colour = getComputedStyle(document.documentElement).getPropertyValue('--good-mark')
      const { data } = element.getContext('2d')?.getImageData(0, 0, element.width, element.height) ?? {
        data: [],
      }
      let count = 0
      for (let at = 0; at < data.length; at += 4) {
        const hex = [data[at], data[at + 1], data[at + 2]].map((part = 0) =>
          part.toString(16).padStart(2, '0'),
        )
        if (`#${hex.join('')}` === colour) count++
      }
      return count
    })
  expect(await ready()).toBeGreaterThan(0)
  await chart('Workspaces by status').locator('.u-over').hover()
  await chart('Workspaces by status')
    .getByText(/^\d\d:\d\d:\d\d: none$/)
    .waitFor()

  await h.request(`/workspaces/${first.id}/pause`, { method: 'POST', headers: { prefer: 'wait=20' } })
  await chart('Workspaces by status').getByRole('img', { name: 'Now 1 failed, 1 ready, 1 paused.' }).waitFor()
  await page.getByRole('combobox', { name: 'Charts' }).selectOption('off')
  await charts.waitFor({ state: 'detached' })
  expect(page.url()).toContain('charts=off')
  expect(fixture.failures).toEqual([])
})

test('the form of a new workspace says what it would cost, by tier and disk', async () => {
  const { body } = await fixture.h.request<{
    tiers: { tier: number; running_usd_per_month: number }[]
    disk: { usd_per_gb_month: number }
  }>('/prices')
  const page = await fixture.open('#/new')
  const total = (tier: number, gb: number) => {
    const machine = body.tiers.find((one) => one.tier === tier)?.running_usd_per_month ?? NaN
    return `About $${(machine + gb * body.disk.usd_per_gb_month).toFixed(2)} a month`
  }
  await page.getByText(total(3, 1)).waitFor()
  await page.getByText('Tier 2').click()
  await page.getByText(total(2, 1)).waitFor()
  await page.getByLabel('Disk in GB').fill('10')
  await page.getByText(total(2, 10)).waitFor()
  await page.getByText('Tier 4').click()
  await page.getByText(total(4, 10)).waitFor()
  expect(fixture.failures).toEqual([])
})
