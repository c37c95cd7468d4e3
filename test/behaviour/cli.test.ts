// The command line against a whole control plane: what it prints, what it asks for, and its exit codes.
import { randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createProgram } from '../../cli/program.ts'
import { cli, CLI_SERVER, useCliSettings } from '../support/cli.ts'
import { createHarness, type Harness } from '../support/harness.ts'

const ADMIN_TOKEN = 'kPbq8MsQe0vYJcTzRk3XwLhN5dGfUa7i'

let h: Harness
beforeAll(async () => {
  h = await createHarness({
    env: { ADMIN_TOKEN, SECRETS_ENCRYPTION_KEY: btoa('a key of thirty-two bytes, sure!') },
    loopback: false,
  })
})
afterAll(() => h.close())

const directory = useCliSettings(() => h, { MOLECULE_FLY_TOKEN: ADMIN_TOKEN })

const createWorkspace = async (name: string) =>
  (
    await h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      json: { name, runtime: 'hermes' },
    })
  ).body

test('create waits until the workspace is ready, chat answers, rm removes it', async () => {
  const created = await cli('create', 'worker', '-r', 'hermes', '-t', '2')
  expect(created.stdout).toMatch(/^worker {2}ready\n {2}id {7}[0-9a-f-]{36}\n/)
  expect(created.stderr).toContain('provisioning …')
  expect((await cli('ls')).stdout).toMatch(/worker {2}ready {3}hermes {3}2 {5}ord/)
  const answer = await cli('chat', 'worker', 'What', 'region', 'are', 'you', 'running', 'in?')
  expect(answer).toEqual({ stdout: 'ord\n', stderr: '', code: 0 })
  expect((await cli('explain', 'worker')).stdout).toContain('is ready since')
  const removed = await cli('rm', 'worker')
  expect(removed.stderr).toMatch(/: removed\n$/)
  expect(await cli('ls', '-q')).toEqual({ stdout: '', stderr: '', code: 0 })
})

test('chat --json prints A2A, and an empty message is not sent', async () => {
  await createWorkspace('talker')
  await cli('wait', 'talker')
  const { stdout } = await cli('chat', 'talker', 'hello', '--json')
  expect(JSON.parse(stdout)).toMatchObject({
    message: { role: 'ROLE_AGENT', parts: [{ text: 'Echo: hello' }] },
  })
  expect(await cli('chat', 'talker', ' ')).toEqual({
    stdout: '',
    stderr: 'molecule-fly: chat: the message is empty\n',
    code: 2,
  })
})

test('chat with an agent that has not registered says so', async () => {
  await cli('create', 'absent', '--runtime', 'external')
  const { code, stderr } = await cli('chat', 'absent', 'hello')
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining('is being provisioned') as string,
  })
})

test('an option that may be repeated leaves the name alone, and ls filters by label and ends at a limit', async () => {
  const wanted = ['-r', 'hermes', '--no-wait', '-l', 'team=red', '-l', 'stage=test', '-e', 'A=1']
  const created = await cli('create', ...wanted, 'labelled')
  expect(created.stdout).toContain('labels   team=red stage=test')
  await cli('create', ...wanted, 'labelled-too')
  const both = await cli('ls', '-q', '-l', 'team=red', '-l', 'stage=test')
  expect(both.stdout.trim().split('\n')).toHaveLength(2)
  const one = await cli('ls', '-q', '-l', 'team=red', '--limit', '1')
  expect(one.stdout.trim().split('\n')).toHaveLength(1)
})

test('--json prints what the API answers, and nothing else on stdout', async () => {
  const row = await createWorkspace('for-programs')
  const { stdout } = await cli('get', 'for-programs', '--json')
  expect(JSON.parse(stdout)).toMatchObject({ id: row.id, name: 'for-programs' })
  const listed = JSON.parse((await cli('ls', '--json')).stdout) as { id: string }[]
  expect(listed.map(({ id }) => id)).toContain(row.id)
})

test('a workspace is found by its name, its id or the beginning of its id', async () => {
  const row = await createWorkspace('findable')
  for (const reference of ['findable', row.id, row.id.slice(0, 8), row.id.toUpperCase()])
    expect(JSON.parse((await cli('get', reference, '--json')).stdout)).toMatchObject({ id: row.id })
  const missing = await cli('get', 'nowhere')
  expect(missing.code).toBe(2)
  expect(missing.stderr).toContain("no workspace has the slug or name 'nowhere'")
})

test('a name that two workspaces have is refused with their ids', async () => {
  const [one, two] = [await createWorkspace('twin'), await createWorkspace('twin')]
  const { code, stderr } = await cli('pause', 'twin')
  expect(code).toBe(2)
  expect(stderr).toContain(one.id)
  expect(stderr).toContain(two.id)
})

test('login stores the server and the token in a file that only its owner reads', async () => {
  vi.stubEnv('MOLECULE_FLY_TOKEN', undefined)
  vi.stubEnv('MOLECULE_FLY_URL', undefined)
  expect((await cli('ls')).stderr).toContain("log in with 'molecule-fly login'")
  expect((await cli('login', CLI_SERVER, '--token', ADMIN_TOKEN)).code).toBe(0)
  expect(statSync(join(directory(), 'config.json')).mode & 0o777).toBe(0o600)
  expect((await cli('ls')).code).toBe(0)
  expect((await cli('logout')).code).toBe(0)
  expect((await cli('ls')).code).toBe(1)
})

test('login refuses a token that the server refuses, and stores nothing', async () => {
  vi.stubEnv('MOLECULE_FLY_TOKEN', undefined)
  const { code, stderr } = await cli('login', CLI_SERVER, '--token', 'wrong')
  expect(code).toBe(1)
  expect(stderr).toContain('molecule-fly:')
  expect(() => statSync(join(directory(), 'config.json'))).toThrow('ENOENT')
})

test('a stored token is sent to no other server', async () => {
  vi.stubEnv('MOLECULE_FLY_TOKEN', undefined)
  vi.stubEnv('MOLECULE_FLY_URL', undefined)
  await cli('login', CLI_SERVER, '--token', ADMIN_TOKEN)
  const sent: (string | null)[] = []
  vi.stubGlobal('fetch', (request: Request) => {
    sent.push(request.headers.get('authorization'))
    return Promise.resolve(Response.json([]))
  })
  await cli('ls', '--url', 'http://elsewhere.test')
  expect(sent).toEqual([null])
})

test('wrong use ends with 2 and names the way out', async () => {
  for (const [args, text] of [
    [['lss'], 'Did you mean ls?'],
    [['ls', '--statu', 'ready'], 'Did you mean --status?'],
    [['create'], "missing required argument 'name'"],
    [['create', 'x', '-t', '9'], 'Allowed choices are 2, 3, 4'],
    [['ls', '--url', 'nonsense'], 'is not an address'],
    [['login', 'localhost:8080'], 'try http://localhost:8080'],
    [['ls', '--limit', 'few'], "'few' is invalid. It must be a whole number, at least 1."],
    [['create', 'x', '--idle', '0'], "'0' is invalid. It must be a whole number, at least 1."],
    [['wait', 'x', '--timeout', '-1'], "'-1' is invalid"],
    [['logs', 'x', '-n', '1.5'], "'1.5' is invalid"],
    [['exec', 'x', '--timeout', 'long', '--', 'ls'], "'long' is invalid"],
    [['tokens', 'create', 'x', '--days', 'thirty'], "'thirty' is invalid"],
    [['events', '--after', '1', '-n', '2'], "cannot be used with option '-n, --tail <count>'"],
    [['exec', 'x', 'ls', '-la'], 'come after --'],
    [['rollout', 'get'], "See 'molecule-fly rollout get --help'"],
    [['cp', 'notes.txt', 'coder:notes.txt'], 'such as coder:/workspace/notes.txt'],
    [['cp', '.', 'coder:/workspace'], '. is a directory'],
    [['secrets', 'set', 'NOT_IN_ENVIRONMENT'], 'give NAME=value'],
    [['create', 'x', '-e', 'A=1', '-e', 'A=2'], '--env A: it is given twice'],
    [['create', 'x', '-l', 'PATH'], '--label PATH: give key=value'],
    [['edit', 'x', '--disk', '-1'], "'-1' is invalid"],
    [['edit', 'x', '--on-host-loss', 'hope'], 'Allowed choices are wait, restore'],
  ] as const) {
    const { code, stderr } = await cli(...args)
    expect({ code, args }).toEqual({ code: 2, args })
    expect(stderr).toContain(text)
  }
})

test('secrets, tokens and hooks are made, listed and deleted', async () => {
  // A name of its own for each try.
  const keeper = `keeper-${randomUUID()}`
  await createWorkspace(keeper)
  await cli('wait', keeper)
  expect((await cli('secrets', 'set', 'API_KEY=s3cret', '-w', keeper)).stderr).toBe(
    'API_KEY: saved\nMachines receive the change at their next restart.\n',
  )
  const restarted = await cli('secrets', 'set', 'API_KEY=other', '-w', keeper, '--restart')
  expect(restarted.stderr).toBe('API_KEY: saved\nMachines that restart now: 1.\n')
  await cli('wait', keeper)
  const secrets = await cli('secrets', 'ls', '-w', keeper)
  expect(secrets.stdout).toMatch(/API_KEY {2}workspace/)
  expect(secrets.stdout).not.toContain('s3cret')
  expect((await cli('secrets', 'rm', 'API_KEY', '-w', keeper)).stdout).toBe('API_KEY: deleted\n')

  const operator = (await cli('tokens', 'create', 'shell', '--scope', 'exec')).stdout.trim()
  expect((await cli('exec', keeper, '--token', operator, '--', 'echo', 'hello')).stdout).toBe('hello\n')
  const token = (await cli('tokens', 'create', 'ci', '--scope', 'read')).stdout.trim()
  expect((await cli('ls', '--token', token)).code).toBe(0)
  const refused = await cli('pause', keeper, '--token', token)
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('scope operate')

  const hook = await cli('hooks', 'create', keeper, 'gh', '--scheme', 'github')
  expect(hook.stdout).toMatch(/^url {5}http.*\/gh\nsecret {2}\S+\n$/)
  expect((await cli('hooks', 'ls', keeper)).stdout).toMatch(/gh {4}github {2}yes/)
  expect((await cli('hooks', 'rm', keeper, 'gh')).stderr).toBe('gh: deleted\n')
})

test('events shows the newest events of a workspace, and refuses an unknown type', async () => {
  const { id } = await createWorkspace('eventful')
  const { stdout } = await cli('events', '-w', 'eventful', '-n', '1', '--type', 'workspace_created')
  expect(stdout).toMatch(new RegExp(`workspace_created +${id} {2}\\{`))
  const recent = await cli('events', '-w', 'eventful', '--since', '1h', '--json')
  const types = recent.stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { type: string }).type)
  expect(types[0]).toBe('workspace_created')
  const newest = await cli('events', '-w', 'eventful', '--since', '1h', '-n', '1', '--json')
  expect(newest.stdout.trim().split('\n')).toHaveLength(1)
  const refused = await cli('events', '--type', 'nonsense')
  expect(refused.stderr).toContain("'nonsense' is not a type of event")
})

test('a rollout is started, shown, halted and rolled back as tables, and found by the beginning of its id', async () => {
  await createWorkspace('rolled')
  await cli('wait', 'rolled')
  const image = `ghcr.io/molecule-ai/workspace-hermes@sha256:${'a'.repeat(64)}`
  const started = await cli('rollout', 'start', 'hermes', image, '--json')
  const { id } = JSON.parse(started.stdout) as { id: string }
  const shown = await cli('rollout', 'get', id.slice(0, 6))
  expect(shown.stdout).toMatch(/^ID +RUNTIME +STATE +TRANCHE +IMAGE +AGE\n[0-9a-f-]{36} {2}hermes {3}running/)
  await expect
    .poll(async () => (await cli('rollout', 'get', id)).stdout, { timeout: 30_000 })
    .toMatch(/WORKSPACE +NAME +TRANCHE +STATE +STATUS +REASON\n[0-9a-f-]{36} {2}/)
  expect((await cli('rollout', 'ls')).stdout).toMatch(/workspace-hermes@sha256:a{12} /)
  expect((await cli('rollout', 'halt', id.slice(0, 6))).stdout).toMatch(/hermes {3}halted/)
  expect(JSON.parse((await cli('rollout', 'get', id, '--json')).stdout)).toMatchObject({ state: 'halted' })
  expect((await cli('rollout', 'rollback', id)).stdout).toMatch(/hermes {3}roll/)
  const missing = await cli('rollout', 'get', 'zzz')
  expect(missing.code).toBe(2)
  expect(missing.stderr).toContain("no rollout has an id that begins with 'zzz'")
})

test('names with control characters do not reach the terminal', async () => {
  await createWorkspace('evil\u001B]0;title\u0007')
  // oxlint-disable-next-line eslint/no-control-regex -- the test is about them
  expect((await cli('ls')).stdout).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F]/)
})

test('open names the address of the console, and of a workspace in it', async () => {
  const { id } = await createWorkspace('shown')
  const fleet = await cli('open', '--print')
  expect(fleet.stdout).toMatch(/^http:\S+\/console#\/\n$/)
  const one = await cli('open', 'shown', '--print', '--json')
  expect(JSON.parse(one.stdout)).toEqual({ url: `${fleet.stdout.trim()}workspaces/${id}` })
})

test('every command explains itself with --help', async () => {
  const program = createProgram('1.2.3')
  for (const command of program.commands.filter((one) => one.name() !== 'complete')) {
    const { code, stdout } = await cli(command.name(), '--help')
    expect({ code, name: command.name() }).toEqual({ code: 0, name: command.name() })
    expect(stdout).toContain(`Usage: molecule-fly ${command.name()}`)
  }
})
