// Who may use the console: it asks for a token where the server does, shows a token no verb that it may not use, and says when the
// token is no longer accepted.
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as schema from '../../../drizzle/schema/index.ts'
import { type ConsoleFixture, openConsole, SETUP_MS } from '../../support/console-page.ts'

const ADMIN = { authorization: 'Bearer the-token-of-an-administrator' }

let fixture: ConsoleFixture
let id: string
beforeAll(async () => {
  fixture = await openConsole({
    env: {
      ADMIN_TOKEN: 'the-token-of-an-administrator',
      SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64'),
    },
  })
  const { body } = await fixture.h.request<{ id: string }>('/workspaces', {
    method: 'POST',
    headers: { ...ADMIN, prefer: 'wait=20' },
    json: { name: 'guarded', runtime: 'hermes', tier: 2 },
  })
  id = body.id
}, SETUP_MS)
afterAll(() => fixture.close())

async function tokenFor(input: Record<string, unknown>): Promise<{ id: string; token: string }> {
  const { body } = await fixture.h.request<{ id: string; token: string }>('/tokens', {
    method: 'POST',
    headers: ADMIN,
    json: { name: 'of this test', ...input },
  })
  return body
}

async function signIn(token: string, hash = '#/') {
  const page = await fixture.open(hash)
  await page.getByLabel('Token', { exact: true }).fill(token)
  await page.getByRole('button', { name: 'Sign in' }).click()
  return page
}

test('a wrong token is refused in words, and a right one is kept for the tab and never in an address', async () => {
  const page = await signIn('wrong')
  await page.getByRole('alert').waitFor()
  await page.getByLabel('Token', { exact: true }).fill('the-token-of-an-administrator')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('link', { name: 'guarded' }).click()
  await page.getByRole('button', { name: 'Delete', exact: true }).waitFor()
  expect(page.url()).not.toContain('the-token-of-an-administrator')
  await page.reload()
  await page.getByRole('heading', { name: 'guarded' }).waitFor()
  // Commands name the variable, and not the token.
  await page.getByRole('button', { name: 'Show as curl and command line' }).first().click()
  expect(await page.getByRole('dialog').innerText()).toContain('Bearer $MOLECULE_FLY_TOKEN')
  expect(await page.content()).not.toContain('the-token-of-an-administrator')
  await page.keyboard.press('Escape')
  await page.locator('summary.account').click()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.reload()
  await page.getByRole('button', { name: 'Sign in' }).waitFor()
  expect(fixture.failures).toEqual([])
})

test('a token with the scope read sees no verb, no chat and no way to create', async () => {
  const { token } = await tokenFor({ scopes: ['read'] })
  const page = await signIn(token, `#/workspaces/${id}`)
  await page.getByRole('heading', { name: 'guarded' }).waitFor()
  await page.getByText('Its agent answered').waitFor()
  const buttons = await page.getByRole('button').allInnerTexts()
  expect(buttons.filter((text) => /Restart|Pause|Hibernate|Delete|Resume/.test(text))).toEqual([])
  const parts = await page.getByRole('navigation', { name: 'Parts of the workspace' }).innerText()
  expect(parts).not.toMatch(/Chat|Command|Files|Tokens/)
  expect(await page.getByRole('link', { name: 'New workspace' }).count()).toBe(0)
  for (const part of ['Secrets', 'Hooks', 'Schedules']) {
    await page.getByRole('link', { name: part, exact: true }).click()
    await page.getByText(/^There are no/).waitFor()
    expect(await page.locator('form').count()).toBe(0)
  }
  await page.getByRole('link', { name: 'Operations' }).click()
  const operations = page.getByRole('navigation', { name: 'Parts of operations' })
  await operations.getByRole('link', { name: 'Rollouts' }).click()
  await page.getByText('There are no rollouts.').waitFor()
  expect(await page.locator('form').count()).toBe(0)
  expect(await operations.innerText()).not.toMatch(/Webhooks|Tokens|Audit/)
  await page.evaluate(() => (location.hash = '#/operations?tab=audit'))
  await page.getByText('The token that you signed in with may not read this.').waitFor()
})

test('a token for some workspaces sees those, and no totals of others', async () => {
  await fixture.h.request('/workspaces', { method: 'POST', headers: ADMIN, json: { name: 'of-others' } })
  const { token } = await tokenFor({ scopes: ['operate'], workspaces: [id] })
  const page = await signIn(token)
  await page.getByRole('link', { name: 'guarded' }).waitFor()
  expect(await page.locator('.row-link').allInnerTexts()).toEqual(['guarded'])
  expect(await page.getByText('Cost per month').count()).toBe(0)
  expect(await page.getByRole('link', { name: 'New workspace' }).count()).toBe(0)
})

test('a token that has expired meanwhile is told so, and asked for again', async () => {
  const made = await tokenFor({ scopes: ['read'], expires_in_days: 1 })
  const page = await signIn(made.token)
  await page.getByRole('link', { name: 'guarded' }).waitFor()
  await fixture.h.db
    .update(schema.apiTokens)
    .set({ expiresAt: new Date(0) })
    .where(eq(schema.apiTokens.id, made.id))
  // What the server remembers of tokens lasts seconds.
  fixture.h.advance(10_000)
  // The page may have noticed by itself, and then has no such link.
  const operations = page.getByRole('link', { name: 'Operations' })
  await operations.click({ timeout: 1_000 }).catch(() => {})
  await page
    .getByRole('alert')
    .getByText(/no longer accepts the token: .*expired/)
    .waitFor()
  expect(await page.getByRole('alert').count()).toBe(1)
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
})
