// What a workspace is to be, changed from the command line, and the flags of restart and hibernate.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { cli, useCliSettings } from '../support/cli.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())
useCliSettings(() => h)

/** A workspace as the API has it. */
const get = async (name: string): Promise<unknown> =>
  JSON.parse((await cli('get', name, '--json')).stdout) as unknown

test('edit changes what is given, shows the workspace, and says that a restart is needed', async () => {
  await cli('create', 'coder', '-r', 'hermes', '-t', '2', '--model', 'old', '--role', 'reviewer')
  const edited = await cli('edit', 'coder', '-t', '3', '--model', 'new', '--idle', '30', '--disk', '4')
  expect(edited.code).toBe(0)
  expect(edited.stdout).toMatch(/^coder {2}ready\n/)
  expect(edited.stdout).toContain('  model    new\n')
  expect(edited.stdout).toContain('  disk     4 GB\n')
  expect(edited.stdout).toContain('  sleeps   after 30 idle minutes\n')
  expect(edited.stderr).toMatch(/^Part of the settings .* restart: molecule-fly restart [0-9a-f-]{36}\n$/)
  expect(await get('coder')).toMatchObject({ tier: 3, model: 'new', idle_minutes: 30, role: 'reviewer' })
  expect((await cli('restart', 'coder')).code).toBe(0)
  expect(await get('coder')).toMatchObject({ needs_restart: false, status: 'ready' })
})

test('edit adds and removes single labels, and the others stay', async () => {
  await cli(
    'create',
    'labelled',
    '-r',
    'hermes',
    '--no-wait',
    '-l',
    'team=red',
    '-l',
    'stage=test',
    '-l',
    'a=1',
  )
  const edited = await cli('edit', 'labelled', '-l', 'team=blue', '-l', 'b=2', '--remove-label', 'stage')
  expect(edited.stdout).toContain('labels   a=1 b=2 team=blue\n')
  expect(edited.stderr).toBe('')
  const refused = await cli('edit', 'labelled', '--remove-label', 'stage')
  expect(refused).toEqual({
    code: 2,
    stdout: '',
    stderr: 'molecule-fly: --remove-label stage: the workspace has a, b, team\n',
  })
})

test('two edits of labels at once lose none', async () => {
  await cli('create', 'shared', '-r', 'hermes', '--no-wait', '-l', 'a=1')
  await Promise.all(Array.from({ length: 6 }, (_, n) => cli('edit', 'shared', '-l', `by=x`, '-l', `e${n}=1`)))
  expect(await get('shared')).toMatchObject({
    labels: { a: '1', by: 'x', e0: '1', e1: '1', e2: '1', e3: '1', e4: '1', e5: '1' },
  })
})

test('edit switches off what --no-… names, and changes the environment by name', async () => {
  const settings = [
    '--model',
    'm',
    '--role',
    'r',
    '--slug',
    'plain-slug',
    '--idle',
    '5',
    '-e',
    'A=1',
    '-e',
    'B=2',
  ]
  await cli('create', 'plain', '-r', 'hermes', '--no-wait', ...settings)
  await cli('edit', 'plain', '--no-model', '--no-role', '--no-slug', '--no-idle', '--name', 'simple')
  expect(await get('simple')).toMatchObject({
    model: null,
    role: null,
    slug: null,
    idle_minutes: null,
    env_names: ['A', 'B'],
  })
  await cli('edit', 'simple', '-e', 'C=3', '--remove-env', 'A')
  expect(await get('simple')).toMatchObject({ env_names: ['B', 'C'] })
  expect((await cli('edit', 'simple', '--remove-env', 'A')).stderr).toContain('the workspace has B, C')
  await cli('edit', 'simple', '--no-env')
  expect(await get('simple')).toMatchObject({ env_names: [] })
})

test('edit --json prints what the API answers', async () => {
  await cli('create', 'for-programs', '-r', 'hermes', '--no-wait')
  const { stdout } = await cli('edit', 'for-programs', '--name', 'renamed', '--json')
  expect(JSON.parse(stdout)).toMatchObject({ status: 'updated', workspace: { name: 'renamed' } })
})

test('edit prints the warnings of the API on stderr', async () => {
  await cli('create', 'warned', '-r', 'hermes', '--no-wait')
  const send = fetch
  vi.stubGlobal('fetch', async (request: Request) => {
    const response = await send(request)
    if (request.method !== 'PATCH') return response
    return Response.json({ ...((await response.json()) as Json), warnings: ['role: was ignored'] })
  })
  expect((await cli('edit', 'warned', '--slug', 'warned-slug')).stderr).toBe('role: was ignored\n')
})

test('edit of nothing, and what the API refuses, change nothing', async () => {
  await cli('create', 'kept', '-r', 'hermes', '--no-wait')
  const nothing = await cli('edit', 'kept')
  expect(nothing.code).toBe(2)
  expect(nothing.stderr).toContain("nothing is to be changed; see 'molecule-fly edit --help'")
  const refused = await cli('edit', 'kept', '--name', 'other', '--image', 'elsewhere.example/image')
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('image')
  expect(await get('kept')).toMatchObject({
    name: 'kept',
    image: expect.not.stringContaining('elsewhere') as string,
  })
})

test('restart waits for work, and --force does not', async () => {
  await cli('create', 'worker', '-r', 'hermes')
  const { id } = (await get('worker')) as { id: string }
  await h.request('/registry/heartbeat', {
    method: 'POST',
    headers: { authorization: `Bearer ${await h.tokenOf(id)}` },
    json: { workspace_id: id, active_tasks: 1 },
  })
  expect((await cli('restart', 'worker', '--no-wait')).stdout).toMatch(/^worker {2}provisioning/)
  expect((await cli('restart', 'worker', '--force')).stdout).toMatch(/^worker {2}ready/)
  expect((await h.machineOf(id)).config.metadata['generation']).toBe('3')
})

test('restart takes another image, and refuses one that is not allowed', async () => {
  await cli('create', 'imaged', '-r', 'hermes')
  const image = 'ghcr.io/molecule-ai/workspace-hermes:next'
  const requested = async () =>
    (await cli('events', '-w', 'imaged', '--type', 'restart_requested', '-n', '1')).stdout
  expect((await cli('restart', 'imaged', '--image', image)).code).toBe(0)
  expect(await requested()).toContain(`"image":"${image}"`)
  expect((await cli('restart', 'imaged', '--no-image')).code).toBe(0)
  expect(await requested()).toContain('"image":null')
  expect((await cli('restart', 'imaged', '--image', 'elsewhere.example/x')).code).toBe(1)
})

test('hibernate of a held workspace needs --force, and keeps the time to wake', async () => {
  const { id } = (await get('worker')) as { id: string }
  await h.request(`/workspaces/${id}/holds`, {
    method: 'POST',
    json: { for_seconds: 600, reason: 'a build' },
  })
  const refused = await cli('hibernate', 'worker')
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('a hold keeps it awake')
  const wakeAt = new Date(Date.now() + 3_600_000).toISOString()
  expect((await cli('hibernate', 'worker', '--force', '--wake-at', wakeAt)).stdout).toMatch(
    /^worker {2}hibernated/,
  )
  expect(await get('worker')).toMatchObject({ wake_at: wakeAt })
})
