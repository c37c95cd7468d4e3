// The filters and settings of commands on the command line: lists, events, the fleet, hooks and rollouts.
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../../client/client.ts'
import { cli, CLI_SERVER, useCliSettings } from '../support/cli.ts'
import { createHarness, type Harness } from '../support/harness.ts'

let h: Harness
let parent: string
let child: string
beforeAll(async () => {
  h = await createHarness({ env: { SECRETS_ENCRYPTION_KEY: btoa('a key of thirty-two bytes, sure!') } })
  ;({ id: parent } = await h.createWorkspace({ name: 'lead', tier: 2, labels: { team: 'red' } }))
  ;({ id: child } = await h.createWorkspace({ name: 'helper-one', tier: 3, parent_id: parent }))
})
afterAll(() => h.close())
useCliSettings(() => h)

const json = async (...args: string[]): Promise<unknown> =>
  JSON.parse((await cli(...args, '--json')).stdout) as unknown

test.each([
  [['--tier', '2'], 'parent'],
  [['--parent', 'lead'], 'child'],
  [['--name-prefix', 'helper-'], 'child'],
  [['--name-prefix', 'one'], 'none'],
  [['--created-after', '2999-01-01T00:00:00Z'], 'none'],
] as const)('ls %j lists only those: %s', async (flags, found) => {
  const expected = { parent: `${parent}\n`, child: `${child}\n`, none: '' }[found]
  expect(await cli('ls', '-q', ...flags)).toEqual({ code: 0, stdout: expected, stderr: '' })
})

test('events are filtered by the labels of workspaces and by time', async () => {
  const created = ['--type', 'workspace_created', '-n', '100']
  const red = await cli('events', ...created, '-l', 'team=red')
  expect(red.stdout).toContain(parent)
  expect(red.stdout).not.toContain(child)
  const old = ['--since', '2000-01-01T00:00:00Z', '--until', '2001-01-01T00:00:00Z']
  expect((await cli('events', ...old)).stdout).toBe('')
  expect((await cli('events', '-f', '--until', '2001-01-01T00:00:00Z')).code).toBe(2)
  expect((await cli('events', '-w', 'lead', '-l', 'team=red')).code).toBe(2)
})

test('fleet shows the machines of one workspace, one label or one kind', async () => {
  const { machine_id } = (await json('get', 'lead')) as { machine_id: string }
  const other = ((await json('get', 'helper-one')) as { machine_id: string }).machine_id
  for (const flags of [
    ['-w', 'lead', '--all'],
    ['-l', 'team=red', '--kind', 'owned'],
  ]) {
    const { stdout } = await cli('fleet', ...flags)
    expect(stdout).toContain(machine_id)
    expect(stdout).not.toContain(other)
  }
  expect((await cli('fleet', '--kind', 'orphan', '--region', 'ord')).stdout).not.toContain(machine_id)
  const refused = await cli('fleet', '--kind', 'lost')
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('kind')
})

test('disks ls --retained lists only disks without a workspace', async () => {
  await h.createWorkspace({ name: 'short-lived' })
  await cli('rm', 'short-lived', '--keep-disk')
  expect(await json('disks', 'ls', '--retained')).toMatchObject([
    { retained_reason: expect.any(String) as string },
  ])
})

test('a hook is changed, disabled, enabled, and gets another secret', async () => {
  const limits = ['--delivery-header', 'x-id', '--max-bytes', '1000', '--event', 'push']
  const created = await cli('hooks', 'create', 'lead', 'gh', '--scheme', 'bearer', ...limits)
  expect(created.stderr).toBe('')
  const secret = /secret {2}(\S+)/.exec(created.stdout)?.[1]
  expect(await json('hooks', 'ls', 'lead')).toMatchObject([
    { delivery_header: 'x-id', max_body_bytes: 1000, events: ['push'], template: '' },
  ])
  const without = ['--no-event', '--no-max-bytes', '--no-delivery-header']
  expect(await json('hooks', 'edit', 'lead', 'gh', '--template', 'News', ...without)).toMatchObject({
    delivery_header: null,
    max_body_bytes: null,
    events: null,
    template: 'News',
  })
  expect((await cli('hooks', 'disable', 'lead', 'gh')).stdout).toMatch(/gh {4}bearer {2}no /)
  expect((await cli('hooks', 'enable', 'lead', 'gh')).stdout).toMatch(/gh {4}bearer {2}yes /)
  expect((await cli('hooks', 'edit', 'lead', 'gh')).code).toBe(2)
  const rotated = await cli('hooks', 'rotate', 'lead', 'gh')
  expect(rotated.stdout).toMatch(/^\S+\n$/)
  expect(rotated.stdout.trim()).not.toBe(secret)
  expect(rotated.stderr).toMatch(/^The old secret is valid until \d{4}-\S+\.\n$/)
  const chosen = await cli(
    'hooks',
    'rotate',
    'lead',
    'gh',
    '--secret',
    'a-secret-of-the-sender',
    '--overlap',
    '0',
  )
  expect({ code: chosen.code, stdout: chosen.stdout }).toEqual({ code: 0, stdout: '' })
})

test('a rollout has the groups, limits and first workspaces that its start names', async () => {
  const image = `ghcr.io/molecule-ai/workspace-hermes@sha256:${'b'.repeat(64)}`
  await cli('create', 'first', '-r', 'hermes')
  const groups = ['-w', 'first', '--tranche', '1', '--tranche', '50%', '--tranche', '100%']
  const limits = [
    '--max-failures',
    '2',
    '--ready',
    '60',
    '--watch',
    '30',
    '--busy',
    '5',
    '--when-busy',
    'wait',
  ]
  expect(await json('rollout', 'start', 'hermes', image, ...groups, ...limits)).toMatchObject({
    max_failures: 2,
    ready_seconds: 60,
    watch_seconds: 30,
    busy_seconds: 5,
    when_busy: 'wait',
  })
  expect(await json('rollout', 'ls', '--runtime', 'codex')).toMatchObject({ rollouts: [] })
  expect(await json('rollout', 'ls', '--runtime', 'hermes')).toMatchObject({ rollouts: [{ image }] })
  expect((await cli('rollout', 'start', 'hermes', image, '--tranche', 'half')).code).toBe(2)
})

test('more rollouts than a page has are listed, and found by the beginning of their id', async () => {
  // Earlier ones, each a second before the one after it.
  await h.db.execute(sql`
    insert into rollouts (id, runtime, image, previous_image, started_by, plan, baseline, after_seq, state, tranche_since, created_at, updated_at)
    select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'codex', image, previous_image, started_by, plan, baseline, after_seq,
      'completed', tranche_since, created_at - n * interval '1 second', updated_at
    from (select * from rollouts limit 1) one, generate_series(1, 120) n`)
  const ls = async (...flags: string[]) =>
    ((await json('rollout', 'ls', ...flags)) as { rollouts: { id: string }[] }).rollouts.map(({ id }) => id)
  const ids = await ls('--runtime', 'codex', '--limit', '500')
  expect([ids.length, ids[0]?.slice(-3), ids[119]?.slice(-3)]).toEqual([120, '001', '120'])
  expect(await ls('--runtime', 'codex', '--limit', '110')).toEqual(ids.slice(0, 110))
  const read: string[] = []
  for await (const { id } of createClient({ url: CLI_SERVER }).listRollouts({ runtime: 'codex', limit: 7 }))
    read.push(id)
  expect(read).toEqual(ids)
  expect(await json('rollout', 'get', String(ids[119]).slice(0, 35))).toMatchObject({ id: ids[119] })
  for (const cursor of ['x', '1_x', '1_', `1_${'-'.repeat(36)}`])
    expect((await h.request(`/rollouts?cursor=${cursor}`)).body).toMatchObject({
      errors: [{ field: 'cursor' }],
    })
})
