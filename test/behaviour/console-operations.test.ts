// The operations of the console: rollouts as they go on. Each view is also looked at as in console-views.test.ts.
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  ATTACK_NAME,
  type ConsoleFixture,
  openConsole,
  problemsOfViews,
  SETUP_MS,
  wasAttacked,
} from '../support/console-page.ts'
import { digest, ended, image, imagesOf, read, until } from '../support/rollouts.ts'

let fixture: ConsoleFixture
beforeAll(async () => {
  fixture = await openConsole({ env: { SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64') } })
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
  await page.getByLabel('Runtime').selectOption('hermes')
  await page.getByLabel('Image, or a digest').fill(digest('1'))
  await page.getByLabel('Tranches').fill('1, 2')
  await page.getByRole('button', { name: 'Start' }).click()
  const tranche = (number: number) => page.getByRole('listitem').filter({ hasText: `Tranche ${number} ` })
  await tranche(1).getByText('1 workspace').waitFor()
  const id = new URLSearchParams(page.url().split('?')[1]).get('id') ?? ''

  await until(h, id, ({ tranche: number }) => number === 2)
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
  await until(h, id, ended)
  await page.getByText('completed', { exact: true }).waitFor()
  expect(await imagesOf(h, fleet)).toEqual([image('1'), image('1'), image('1')])
  await page.getByRole('row').filter({ hasText: ATTACK_NAME }).getByText('ready').first().waitFor()

  expect(
    await problemsOfViews(page, [
      ['a rollout', `#/operations?tab=rollouts&id=${id}`, 'Tranche 3'],
      ['rollouts', '#/operations?tab=rollouts', 'Images of the runtimes'],
    ]),
  ).toEqual([])
  await page.getByRole('link', { name: 'hermes', exact: true }).click()
  await press('Roll back')
  await until(h, id, ({ state }) => state === 'rolled_back')
  await page.getByText('rolled back', { exact: true }).waitFor()
  // The earlier image by its digest, whatever its tag means by then.
  const [first = ''] = before
  for (const after of await imagesOf(h, fleet)) expect(after).toContain(first.replace(/:latest$/, ''))
  expect(await imagesOf(h, fleet)).not.toContain(image('1'))
  expect(await wasAttacked(page)).toBe(false)
  expect(fixture.failures).toEqual([])
})
