// The console in a real Chromium, against a control plane of the harness: its page comes from the app, and its static files from a
// build of this source, as Node or Cloudflare would serve them.
import type { Socket } from 'node:net'
import { serveStatic } from '@hono/node-server/serve-static'
import axe, { type RunOptions } from 'axe-core'
import { Hono } from 'hono'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { buildConsole } from '../../commands/build-console.ts'
import { listen } from '../../functions/node/http-server.ts'
import { launchBrowser } from './browser.ts'
import { createHarness, type HarnessOptions } from './harness.ts'
import { onceInRun } from './once-in-run.ts'

/** A browser may have to be installed first. */
export const SETUP_MS = 600_000

/** Waits of pages: a busy computer is slow. */
const PATIENCE_MS = 45_000

let browser: Promise<Browser> | undefined

export type ConsoleFixture = Awaited<ReturnType<typeof openConsole>>

export async function openConsole(options: HarnessOptions = {}) {
  const h = await createHarness(options)
  const root = await onceInRun('console', buildConsole)
  const chromium = await (browser ??= launchBrowser())
  const app = new Hono()
  app.get('/console/:file', serveStatic({ root }))
  app.all('*', ({ req }) => {
    const { pathname, search } = new URL(req.url)
    const { body, headers, method, signal } = req.raw
    return h.fetchRaw(`${pathname}${search}`, { body, headers, method, signal })
  })
  let isUp = true
  const sockets = new Set<Socket>()
  const listener = await listen((request) => app.fetch(request), {
    host: '127.0.0.1',
    port: 0,
    setting: 'a test',
    beforeApp({ socket }) {
      sockets.add(socket)
      if (!isUp) socket.destroy()
      return !isUp
    },
  })
  const url = `http://127.0.0.1:${listener.port}`
  const pages: Page[] = []
  const failures: string[] = []

  return {
    h,
    url,
    /** Errors of scripts, and violations of the page's policy, in all pages. */
    failures,
    /** While it is down, every connection is closed. */
    setUp(up: boolean) {
      isUp = up
      if (!up) for (const socket of sockets) socket.destroy()
    },
    /** Opens the console in a context of its own, as another person would. */
    async open(hash = '#/', context: BrowserContextOptions = {}): Promise<Page> {
      const page = await chromium.newPage({
        viewport: { width: 1280, height: 800 },
        // A colour in transition has the contrast of neither theme.
        reducedMotion: 'reduce',
        ...context,
      })
      pages.push(page)
      page.setDefaultTimeout(PATIENCE_MS)
      page.on('pageerror', (error) => failures.push(String(error.stack ?? error)))
      page.on('console', (message) => {
        if (/Content Security Policy|TrustedHTML|TrustedScript/i.test(message.text()))
          failures.push(message.text())
      })
      await page.goto(`${url}/console${hash}`)
      return page
    },
    async close() {
      await Promise.all(pages.map((page) => page.context().close()))
      await listener.close(0)
      await h.close()
    },
  }
}

/**
 * What axe finds wrong in the page, as one line for each element.
 * @param rules all by default
 */
export async function accessibilityProblems(page: Page, rules: string[] = []): Promise<string[]> {
  // To send its source and to compile it costs more than to look at a view.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(`(() => { ${axe.source} })()`)
  return page.evaluate(async (only) => {
    const options: RunOptions = {
      resultTypes: ['violations'],
      ...(only.length === 0 ? {} : { runOnly: only }),
    }
    // The rows of a long table are alike.
    const most = { include: ['html'], exclude: ['tbody tr:nth-child(n + 12)'] }
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run(most, options)
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ failureSummary, html }) => `${id}: ${html} ${failureSummary}`),
    )
  }, rules)
}

/** A view: its name in failures, its address, and a text that is there when it has loaded. */
export type View = [name: string, hash: string, text: string | RegExp]

/**
 * Looks at each view: what axe finds in it in either theme, and whether it fits 360 pixels.
 * @returns what is wrong, as one line each
 */
export async function problemsOfViews(page: Page, views: readonly View[]): Promise<string[]> {
  const problems: string[] = []
  for (const [name, hash, text] of views) {
    await page.evaluate((to) => (location.hash = to), hash)
    await page
      .locator('main')
      .getByText(text, { exact: typeof text === 'string' })
      .first()
      .waitFor({ state: 'attached' })
    const inLight = await accessibilityProblems(page)
    await page.emulateMedia({ colorScheme: 'dark' })
    // The themes differ in their colours only.
    const inDark = await accessibilityProblems(page, ['color-contrast'])
    await page.emulateMedia({ colorScheme: 'light' })
    problems.push(...[...inLight, ...inDark].map((problem) => `${name}: ${problem}`))
    await page.setViewportSize({ width: 360, height: 740 })
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    )
    if (overflow > 0) problems.push(`${name}: ${overflow} pixels too wide at 360`)
    await page.setViewportSize({ width: 1280, height: 800 })
  }
  return problems
}

/** Markup that would run a script, for texts that others wrote. */
export const ATTACK = `<img src=x onerror="window.attacked=1"><script>window.attacked=1</script>`

/** The same without `>`, which names may not have. */
export const ATTACK_NAME = `<img src=x onerror="window.attacked=1"`

/** Whether the page made markup of a text that others wrote. */
export async function wasAttacked(page: Page): Promise<boolean> {
  const ran = await page.evaluate(() => 'attacked' in window)
  return ran || (await page.locator('img[src="x"]').count()) > 0
}
