// The console of a server whose machines are containers on one host: what has no meaning there (prices, a choice of regions, copies
// of disks) is not shown. And a workspace without a machine, on any server.
import { afterAll, beforeAll, expect } from 'vitest'
import { testInProcess } from '../../support/control-plane.ts'
import { type ConsoleFixture, openConsole, SETUP_MS } from '../../support/console-page.ts'

let fixture: ConsoleFixture
beforeAll(async () => {
  fixture = await openConsole()
}, SETUP_MS)
afterAll(() => fixture.close())

testInProcess(
  'the provider is replaced',
  'no view shows a price, a choice of regions or snapshots, and an external workspace has no tier',
  async () => {
    const { h } = fixture
    const { services } = h
    const [region = ''] = services.provisioner.regions
    services.provisioner = {
      ...services.provisioner,
      prices: undefined,
      regions: [region],
      noCopies: 'Disks are not copied here.',
    }
    const { id } = await h.createWorkspace({ name: 'contained', region, disk_gb: 1 })
    const { body: external } = await h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      json: { name: 'elsewhere', runtime: 'external' },
    })

    const { body: prices } = await h.request('/prices')
    expect(JSON.stringify(prices)).not.toMatch(/usd_\w+":[^n]/)

    const page = await fixture.open('#/?charts=hour')
    const main = page.locator('main')
    await page.getByRole('region', { name: 'Totals' }).getByText('1 disk').waitFor()
    await page.getByRole('row', { name: /elsewhere/ }).waitFor()
    expect(await page.getByRole('row', { name: /elsewhere/ }).innerText()).not.toMatch(/tier|\$/)
    expect(await page.getByRole('columnheader', { name: 'Cost/mo' }).count()).toBe(0)

    const go = async (hash: string, text: string | RegExp) => {
      await page.evaluate((to) => (location.hash = to), hash)
      await main.getByText(text).first().waitFor()
      expect(await main.innerText(), hash).not.toMatch(/\$\d|cost/i)
    }
    await go('#/', 'contained')
    await go('#/new', 'Tier 2')
    expect(await page.getByLabel('Region', { exact: true }).count()).toBe(0)
    await go(`#/workspaces/${id}`, 'What outlives what')
    expect(await main.getByText('region change').count()).toBe(0)
    await go(`#/workspaces/${id}/disk`, 'Disks are neither copied nor kept as snapshots here.')
    expect(await page.getByRole('button', { name: 'Take a snapshot' }).count()).toBe(0)
    await go('#/operations?tab=machines', '1 machines and 1 disks in all.')
    await go(`#/workspaces/${external.id}`, 'external: without a machine')
    expect(await main.getByText(/^Region$/).count()).toBe(0)
    expect(fixture.failures).toEqual([])
  },
)
