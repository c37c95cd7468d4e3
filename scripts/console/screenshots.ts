// `npm run console:screenshots`: pictures of every view of the console, at three widths and in both themes, for people to look at.
// It starts a server of its own with a small fleet. Usage: npm run console:screenshots [-- DIRECTORY [VIEW…]]
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { buildConsole } from '../../commands/build-console.ts'
import { launchBrowser } from '../../test/support/browser.ts'
import { createServerFixture, startServer } from '../../test/support/server.ts'
import { createFleet, type Fleet } from './fleet.ts'

const WIDTHS = [360, 1280, 2560]
const HEIGHTS: Record<number, number> = { 360: 740, 1280: 800, 2560: 1300 }
const THEMES = ['light', 'dark'] as const

/** What is shown at an address, and what happens there before the picture is taken. */
const VIEWS: Record<string, { path: (fleet: Fleet) => string; prepare?: (page: Page) => Promise<unknown> }> =
  {
    fleet: { path: () => '#/' },
    'fleet-tree': { path: () => '#/?group=tree&charts=off' },
    charts: { path: () => '#/?charts=hour' },
    overview: { path: ({ ready }) => `#/workspaces/${ready}` },
    failed: { path: ({ failed }) => `#/workspaces/${failed}` },
    chat: { path: ({ ready }) => `#/workspaces/${ready}/chat`, prepare: talk },
    events: { path: ({ ready }) => `#/workspaces/${ready}/events` },
    activity: { path: ({ ready }) => `#/workspaces/${ready}/activity` },
    logs: { path: ({ ready }) => `#/workspaces/${ready}/logs` },
    command: { path: ({ ready }) => `#/workspaces/${ready}/command`, prepare: runCommand },
    files: { path: ({ ready }) => `#/workspaces/${ready}/files` },
    disk: { path: ({ ready }) => `#/workspaces/${ready}/disk` },
    secrets: { path: ({ ready }) => `#/workspaces/${ready}/secrets` },
    hooks: { path: ({ ready }) => `#/workspaces/${ready}/hooks` },
    schedules: { path: ({ ready }) => `#/workspaces/${ready}/schedules` },
    messages: { path: ({ ready }) => `#/workspaces/${ready}/messages` },
    delegations: { path: ({ parent }) => `#/workspaces/${parent}/delegations` },
    'workspace-tokens': { path: ({ ready }) => `#/workspaces/${ready}/tokens` },
    delete: {
      path: ({ parent }) => `#/workspaces/${parent}`,
      prepare: (page) => page.getByRole('button', { name: 'Delete', exact: true }).click(),
    },
    create: { path: () => '#/new' },
    'all-events': { path: () => '#/events' },
    machines: { path: () => '#/operations' },
    rollouts: { path: () => '#/operations?tab=rollouts' },
    rollout: { path: ({ rollout }) => `#/operations?tab=rollouts&id=${rollout}` },
    webhooks: { path: () => '#/operations?tab=webhooks' },
    webhook: { path: ({ endpoint }) => `#/operations?tab=webhooks&id=${endpoint}` },
    tokens: { path: () => '#/operations?tab=tokens' },
    audit: { path: () => '#/operations?tab=audit' },
    regions: { path: () => '#/operations?tab=regions' },
  }

async function talk(page: Page): Promise<void> {
  const input = page.getByRole('textbox', { name: /^Message to/ })
  for (const text of ['What region are you running in?', 'stream 6']) {
    await input.fill(text)
    await input.press('Enter')
    await page.getByRole('button', { name: 'Send' }).waitFor()
  }
}

async function runCommand(page: Page): Promise<void> {
  await page.getByRole('textbox').first().fill('ls -la / | head -5')
  await page.getByRole('button', { name: 'Run' }).click()
  await page.locator('.run').first().waitFor()
}

const [directory = '.console-screenshots', ...chosen] = process.argv.slice(2)
mkdirSync(directory, { recursive: true })
// The server delivers what was built: that is to be this source.
await buildConsole(join(import.meta.dirname, '../../dist/assets'))
const fixture = await createServerFixture()
const browser = await launchBrowser()
const server = await startServer({
  ...fixture.settings,
  SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64'),
})
try {
  await picture('empty', server.url, '#/')
  const fleet = await createFleet(server)
  for (const [name, { path, prepare }] of Object.entries(VIEWS)) {
    if (chosen.length === 0 || chosen.includes(name)) await picture(name, server.url, path(fleet), prepare)
  }
} finally {
  await browser.close()
  await server.end('SIGTERM')
  fixture.remove()
}
process.stdout.write(`The pictures are in ${directory}.\n`)

async function picture(
  name: string,
  url: string,
  path: string,
  prepare?: (page: Page) => Promise<unknown>,
): Promise<void> {
  for (const colorScheme of THEMES) {
    for (const width of WIDTHS) {
      const page = await browser.newPage({
        colorScheme,
        viewport: { width, height: HEIGHTS[width] ?? 800 },
        reducedMotion: 'reduce',
      })
      await page.goto(`${url}/console${path}`)
      await page.getByText('Live', { exact: true }).waitFor({ state: 'attached' })
      await page.waitForFunction(() => !/Reading|Asking|Loading/.test(document.body.innerText))
      await prepare?.(page)
      await page.waitForTimeout(300)
      await page.screenshot({ path: join(directory, `${name}-${width}-${colorScheme}.png`) })
      await page.close()
    }
  }
}
