// Commands in the machine of a workspace: their outcome and limits, what happens when the machine does not run or ends
// under them, and what the audit says of them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

type Outcome = {
  exit_code: number
  signal: number | null
  stdout: string
  stderr: string
  truncated: boolean
  timed_out: boolean
  duration_ms: number
}

const ADMIN = { authorization: 'Bearer an-admin-token-of-tests' }
const SECRET = 'a-secret-of-the-command-tests'

let h: Harness
let id: string
beforeAll(async () => {
  h = await createHarness({
    env: {
      ADMIN_TOKEN: 'an-admin-token-of-tests',
      SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'x').toString('base64'),
    },
  })
  id = await make({ env: { PLAIN: 'from the machine' }, secrets: { KEY: SECRET } })
})
afterAll(() => h.close())

async function make(input: Json = {}): Promise<string> {
  const { body } = await h.request<{ id: string }>('/workspaces', {
    method: 'POST',
    headers: { ...ADMIN, prefer: 'wait=20' },
    json: { name: 'commands', runtime: 'hermes', tier: 2, ...input },
  })
  return body.id
}

const post = (path: string, json?: Json, headers: Record<string, string> = {}) =>
  h.request<Outcome & Json>(path, { method: 'POST', headers: { ...ADMIN, ...headers }, json: json ?? {} })
const exec = (json: Json, of = id, headers = {}) => post(`/workspaces/${of}/exec`, json, headers)
const sh = (script: string, ...args: string[]) => ['sh', '-c', script, 'sh', ...args]
const run = async (json: Json): Promise<Outcome> => {
  const { body, status } = await exec(json)
  expect(status, JSON.stringify(body)).toBe(200)
  return body
}

describe('the outcome of a command', () => {
  test('a command has the environment of its machine, its own variables, its input and its arguments unchanged', async () => {
    const hostile = [`a 'b' "c" $(id) \`id\` ;& |`, '--', '-n', '', '*', 'x\ny', '\\', 'ünïcode 🤖', '$PLAIN']
    expect(
      await run({
        command: sh('printf "%s|" "$PLAIN" "$KEY" "$MINE" "$@"; cat', ...hostile),
        env: { MINE: `it's "mine"\n$(id)` },
        stdin: 'the input\n',
      }),
    ).toEqual({
      exit_code: 0,
      signal: null,
      stdout: `${['from the machine', SECRET, `it's "mine"\n$(id)`, ...hostile].join('|')}|the input\n`,
      stderr: '',
      truncated: false,
      timed_out: false,
      duration_ms: expect.any(Number),
    })
  })

  test('a command that fails is a 200 with its exit code, its errors and its signal', async () => {
    expect(await run({ command: sh('echo out; echo err >&2; exit 7') })).toMatchObject({
      exit_code: 7,
      signal: null,
      stdout: 'out\n',
      stderr: 'err\n',
    })
    expect(await run({ command: sh('kill -TERM $$') })).toMatchObject({ exit_code: 143, signal: 15 })
    expect(await run({ command: ['no-such-program'] })).toMatchObject({ exit_code: 127 })
    expect(await run({ command: ['exit', '3'] })).toMatchObject({ exit_code: 127 })
    expect(await run({ command: ['-x'] })).toMatchObject({ exit_code: 127 })
  })

  test('input and output in base64 pass every byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 5_000 }, (_, at) => (at * 7) % 256))
    const { stdout } = await run({ command: ['cat'], stdin: bytes.toString('base64'), encoding: 'base64' })
    expect(Buffer.from(stdout, 'base64').equals(bytes)).toBe(true)
    expect((await run({ command: sh("printf '\\377a'") })).stdout).toBe('\ufffda')
  })

  test('a command runs in the given directory of the machine', async () => {
    expect((await run({ command: sh('mkdir -p "/$0" "$MACHINE_ROOT/a b"; pwd', 'x') })).exit_code).toBe(0)
    expect((await run({ command: ['pwd'], cwd: '/a b' })).stdout).toMatch(/\/a b\n$/)
    const { body, status } = await exec({ command: ['pwd'], cwd: '/none' })
    expect([status, body['errors']]).toEqual([400, [expect.objectContaining({ field: 'cwd' })]])
  })
})

describe('limits', () => {
  test('a command that prints a gigabyte ends, and its output is cut', async () => {
    const outcome = await run({
      command: sh('head -c 1000000000 /dev/zero; echo end >&2'),
      max_output_bytes: 1_000,
    })
    expect(outcome).toMatchObject({ exit_code: 0, truncated: true, timed_out: false, stderr: 'end\n' })
    expect(outcome.stdout).toBe('\0'.repeat(1_000))
  })

  test('a command that never ends is killed with its children at its timeout', async () => {
    const outcome = await run({ command: sh('echo begun; sleep 1000 & sleep 1000'), timeout_seconds: 1 })
    expect(outcome).toMatchObject({ exit_code: 137, signal: 9, timed_out: true, stdout: 'begun\n' })
  })

  test('a command that takes longer than one call of the provider is started once and asked for', async () => {
    const began = h.outgoing.length
    const outcome = await run({
      command: sh('echo once >> "$MACHINE_ROOT/times"; sleep 5; wc -l < "$MACHINE_ROOT/times"'),
      timeout_seconds: 60,
    })
    expect(outcome).toMatchObject({ exit_code: 0, stdout: expect.stringMatching(/^ *1\n$/) })
    const calls = h.outgoing.slice(began).filter(({ url }) => url.endsWith('/exec'))
    expect(calls.length).toBeGreaterThan(1)
    for (const { body } of calls) expect((JSON.parse(body) as { timeout: number }).timeout).toBeLessThan(30)
  })

  test('what a command leaves in the background does not delay its answer', async () => {
    expect(await run({ command: sh('sleep 30 & echo started') })).toMatchObject({
      exit_code: 0,
      stdout: 'started\n',
    })
  })

  test.each<[Json, string]>([
    [{ command: [] }, 'command'],
    [{ command: [''] }, 'command'],
    [{ command: 'ls' }, 'command'],
    [{ command: ['a\0b'] }, 'command.0'],
    [{ command: ['ls'], cwd: 'relative' }, 'cwd'],
    [{ command: ['ls'], env: { 'A=B': 'x' } }, 'env.A=B'],
    [{ command: ['ls'], timeout_seconds: 301 }, 'timeout_seconds'],
    [{ command: ['ls'], stdin: '***', encoding: 'base64' }, 'stdin'],
    [{ command: ['ls'], user: 'root' }, 'user'],
  ])('the body %j is refused with the name of the field', async (json, field) => {
    const { body, status } = await exec(json)
    expect([status, body['errors']]).toEqual([400, [expect.objectContaining({ field })]])
  })
})

describe('a machine that does not run', () => {
  test('a sleeping workspace is woken, a paused one is a conflict, a removed one too', async () => {
    const other = await make()
    await post(`/workspaces/${other}/hibernate`, undefined, { prefer: 'wait=20' })
    expect((await exec({ command: ['echo', 'awake'] }, other, { prefer: 'wait=30' })).body).toMatchObject({
      stdout: 'awake\n',
    })
    await post(`/workspaces/${other}/pause`, undefined, { prefer: 'wait=20' })
    expect((await exec({ command: ['true'] }, other)).status).toBe(409)
    await h.request(`/workspaces/${other}?confirm=true`, {
      method: 'DELETE',
      headers: { ...ADMIN, prefer: 'wait=20' },
    })
    expect((await exec({ command: ['true'] }, other)).status).toBe(409)
    expect((await exec({ command: ['true'] }, crypto.randomUUID())).status).toBe(404)
  })

  test('a command whose machine is killed under it ends with a clear answer', async () => {
    const other = await make()
    const { id: machine } = await h.machineOf(other)
    const answer = exec(
      { command: sh('echo begun > "$MACHINE_ROOT/begun"; sleep 100'), timeout_seconds: 120 },
      other,
    )
    await expect
      .poll(async () => (await exec({ command: sh('cat "$MACHINE_ROOT/begun"') }, other)).body.stdout)
      .toBe('begun\n')
    await h.fly('DELETE', `/${machine}?force=true`)
    const { body, status } = await answer
    expect([status, body['reason'], body['detail']]).toEqual([
      503,
      'command_lost',
      expect.stringContaining('whether it finished is not known'),
    ])
  })

  test.each([
    [500, 'command_lost', undefined],
    [429, 'rate_limited', 'Send the request again in 5 s.'],
    [403, 'forbidden', expect.stringContaining('fly tokens create')],
  ])('when Fly answers %i to every command, the answer has the reason %s', async (fly, reason, hint) => {
    const began = h.outgoing.length
    const fault = h.emulator.faults.add({ kind: 'answer', status: fly, action: 'machine.exec' })
    const answer = exec({ command: ['true'], timeout_seconds: 1 })
    await expect.poll(() => h.outgoing.length - began).toBeGreaterThan(0)
    h.advance(60_000)
    const { body, status } = await answer
    h.emulator.faults.remove(fault)
    expect([status, body['reason'], body['hint']]).toEqual([503, reason, hint])
  })

  test('a command whose answer is lost was started once, and its outcome is found', async () => {
    const fault = h.emulator.faults.add({ kind: 'lose-reply', action: 'machine.exec', times: 1 })
    const outcome = await run({ command: sh('echo x >> "$MACHINE_ROOT/lost"; cat "$MACHINE_ROOT/lost"') })
    h.emulator.faults.remove(fault)
    expect(outcome).toMatchObject({ exit_code: 0, stdout: 'x\n' })
  })
})

test('an image without a tool is a conflict that names it', async () => {
  const other = await make({ env: { PATH: '/none' } })
  const { body, status } = await exec({ command: ['true'] }, other)
  expect([status, body['reason'], body['tool']]).toEqual([
    409,
    'missing_tool',
    expect.stringMatching(/^(sh|base64)$/),
  ])
})

test('the audit has the name of the program, and nothing else of the command', async () => {
  await run({
    command: sh('echo printed-canary; echo "$1" >/dev/null', 'argument-canary'),
    stdin: 'input-canary',
  })
  await h.untilIdle()
  const { body } = await h.request<{ audit: Json[] }>('/audit', { headers: ADMIN })
  expect(body.audit.find(({ route }) => route === 'POST /workspaces/:id/exec')).toMatchObject({
    command: 'sh',
    outcome: 'ok',
    workspace_id: id,
  })
  const everything = JSON.stringify([
    body,
    (await h.request('/events?limit=1000&types=audit', { headers: ADMIN })).body,
  ])
  expect(everything).not.toMatch(/canary/)
})
