// Schedules, holds, messages, webhook endpoints, the audit log and prices from the command line.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cli, useCliSettings } from '../support/cli.ts'
import { askRegion, createHarness, type Harness } from '../support/harness.ts'

const RECEIVER = 'https://receiver.example'

let h: Harness
let id: string
/** What the receiver of events answers. */
let status = 204
beforeAll(async () => {
  h = await createHarness({
    env: { SECRETS_ENCRYPTION_KEY: btoa('a key of thirty-two bytes, sure!') },
    hosts: { [RECEIVER]: () => Promise.resolve(new Response(null, { status })) },
  })
  ;({ id } = await h.createWorkspace({ name: 'coder' }))
})
afterAll(() => h.close())
useCliSettings(() => h)

const json = async (...args: string[]): Promise<unknown> =>
  JSON.parse((await cli(...args, '--json')).stdout) as unknown

test('a schedule is created, changed, disabled, listed and deleted', async () => {
  const time = ['--time-zone', 'Europe/Berlin']
  const created = await cli(
    'schedules',
    'create',
    'coder',
    'report',
    '0 7 * * *',
    'What',
    'is',
    'new?',
    ...time,
  )
  expect(created.stdout).toMatch(/\nreport +0 7 \* \* \* +Europe\/Berlin +yes +\d{4}\S+ +What is new\?\n$/)
  await cli('schedules', 'edit', 'coder', 'report', '--cron', '30 7 * * *')
  await cli('schedules', 'disable', 'coder', 'report')
  expect(await json('schedules', 'ls', 'coder')).toMatchObject([
    {
      name: 'report',
      cron: '30 7 * * *',
      message: 'What is new?',
      time_zone: 'Europe/Berlin',
      enabled: false,
    },
  ])
  expect(await json('schedules', 'enable', 'coder', 'report')).toMatchObject({ enabled: true })
  expect((await cli('schedules', 'rm', 'coder', 'report')).stderr).toBe('report: deleted\n')
  expect(await json('schedules', 'ls', 'coder')).toEqual([])
})

test('a schedule with wrong times is refused with the field, and an edit of nothing is refused', async () => {
  const refused = await cli('schedules', 'create', 'coder', 'wrong', '0 99 * * *', 'hello')
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('cron')
  expect((await cli('schedules', 'edit', 'coder', 'wrong')).code).toBe(2)
})

test('a hold is created for minutes or until a time, listed, and ended by the beginning of its id', async () => {
  const before = Date.now()
  const held = (await json('holds', 'create', 'coder', 'a', 'long', 'build', '--for', '90')) as {
    id: string
    until: string
    reason: string
  }
  expect(held.reason).toBe('a long build')
  expect(Date.parse(held.until)).toBeGreaterThanOrEqual(before + 90 * 60_000)
  const until = new Date(before + 3_600_000).toISOString()
  const second = (await json('holds', 'create', 'coder', 'lunch', '--until', until)) as { id: string }
  expect((await cli('holds', 'ls', 'coder')).stdout).toContain(`${until}  admin  lunch\n`)
  expect((await cli('holds', 'rm', 'coder', held.id.slice(0, 8), second.id)).stderr).toBe(
    `${held.id}: deleted\n${second.id}: deleted\n`,
  )
  expect(await json('holds', 'ls', 'coder')).toEqual([])
  const missing = await cli('holds', 'rm', 'coder', 'zzz')
  expect(missing.code).toBe(2)
  expect(missing.stderr).toContain(
    "no hold has an id that begins with 'zzz': see 'molecule-fly holds ls coder'",
  )
})

test('a hold needs one of --for and --until', async () => {
  const none = await cli('holds', 'create', 'coder', 'why')
  expect(none.code).toBe(2)
  expect(none.stderr).toContain('give --for or --until')
  expect((await cli('holds', 'create', 'coder', 'why', '--for', '1', '--until', 'x')).code).toBe(2)
})

test('stored messages are listed by state, and shown with the answer of the agent', async () => {
  const { body } = await h.request<{ message_id: string; url: string }>(`/workspaces/${id}/a2a`, {
    method: 'POST',
    headers: { prefer: 'respond-async' },
    json: askRegion(),
  })
  const stored = body.url.split('/').at(-1) ?? ''
  // A Worker delivers with its cron trigger.
  await h.deliver()
  const shown = await cli('messages', 'get', 'coder', stored.slice(0, 8), '--wait', '60')
  expect(shown.stdout).toContain(`${stored}  answered, message/send, `)
  expect(shown.stdout).toContain('"text": "ord"')
  expect((await cli('messages', 'ls', 'coder', '--state', 'answered')).stdout).toMatch(
    new RegExp(`\\n${stored}  answered  message/send `),
  )
  expect(await json('messages', 'ls', 'coder', '--state', 'failed')).toEqual([])
  expect((await cli('messages', 'ls', 'coder', '--state', 'lost')).code).toBe(2)
})

test('an endpoint is created with its secret, tested, disabled, enabled, rotated and deleted', async () => {
  status = 204
  const wanted = ['--type', 'gave_up', '--type', 'machine_lost', '-w', 'coder', '--no-ordered']
  const created = await cli('webhooks', 'create', `${RECEIVER}/events`, ...wanted)
  const [, endpoint = '', secret] = /^id {6}(\S+)\nsecret {2}(\S+)\n$/.exec(created.stdout) ?? []
  expect(secret).toMatch(/^whsec_/)
  expect(await json('webhooks', 'ls')).toMatchObject([
    { id: endpoint, types: ['gave_up', 'machine_lost'], workspace_id: id, ordered: false },
  ])
  const start = endpoint.slice(0, 8)
  expect((await cli('webhooks', 'test', start)).stdout).toMatch(/^delivered in \d+ ms\n$/)
  status = 500
  const failed = await cli('webhooks', 'test', start)
  expect(failed.code).toBe(1)
  expect(failed.stdout).toContain('500')
  expect((await cli('webhooks', 'disable', start)).stdout).toMatch(
    /\S{36} {2}no: asked {2}gave_up machine_lost/,
  )
  expect((await cli('webhooks', 'enable', start)).stdout).toMatch(/\S{36} {2}yes /)
  const rotated = await cli('webhooks', 'rotate', start, '--overlap', '1')
  expect(rotated.stdout).toMatch(/^whsec_\S+\n$/)
  expect(rotated.stdout.trim()).not.toBe(secret)
  expect((await cli('webhooks', 'rm', start)).stderr).toBe(`${endpoint}: deleted\n`)
  expect(await json('webhooks', 'ls')).toEqual([])
})

test('a delivery that was given up is listed, and delivered by replay', async () => {
  status = 500
  const { id: endpoint } = (await json(
    'webhooks',
    'create',
    `${RECEIVER}/events`,
    '--type',
    'workspace_updated',
  )) as {
    id: string
  }
  await cli('edit', 'coder', '--role', 'reviewer')
  const [seq = ''] = /^\d+/m.exec(await deliveriesWith(endpoint, /workspace_updated +\S+ +dead/)) ?? []
  status = 204
  expect((await cli('webhooks', 'replay', endpoint, seq)).stdout).toBe(
    'Deliveries that are tried again: 1.\n',
  )
  await deliveriesWith(endpoint, /^EVENT.*\n$/)
  expect((await cli('webhooks', 'replay', endpoint)).stdout).toBe('Deliveries that are tried again: 0.\n')
})

/** Lets time pass until the table of deliveries has a text. @returns the table */
async function deliveriesWith(endpoint: string, text: RegExp): Promise<string> {
  for (let n = 0; n < 100; n++) {
    await h.deliver()
    const { stdout } = await cli('webhooks', 'deliveries', endpoint)
    if (text.test(stdout)) return stdout
    h.advance(3_600_000)
  }
  throw new Error(`the deliveries never were ${text.source}`)
}

test('audit shows who asked for which change', async () => {
  await cli('edit', 'coder', '--role', 'writer')
  const { stdout } = await cli('audit', '-w', 'coder', '--route', 'PATCH /workspaces/:id', '--limit', '1')
  expect(stdout).toMatch(new RegExp(`\\n\\d{4}\\S+ +admin +PATCH /workspaces/:id +${id} +200 `))
  expect(stdout.trim().split('\n')).toHaveLength(2)
  expect(await json('audit', '-w', 'coder', '--outcome', 'failed')).toMatchObject({ audit: [] })
})

test('prices shows what machines, disks and snapshots cost', async () => {
  const { stdout } = await cli('prices')
  expect(stdout).toMatch(
    /^TIER +CPUS +MEMORY +RUNNING \(USD, 30 DAYS\) +STOPPED \(USD, 30 DAYS\)\n2 +1 +512 MB +\d+\.\d\d +\d+\.\d\d\n/,
  )
  expect(stdout).toMatch(/\ndisk: \d+\.\d\d USD a GB in 30 days\nsnapshots: \d+\.\d\d USD a GB in 30 days\n$/)
})
