// Agents of one's own in the embedded emulator: the examples as workspaces of a real server, from the start to what they
// remember after a pause; programs that fail; and settings that cannot work.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createPostgresDatabase } from '../../support/database.ts'
import type { Json } from '../../support/emulator.ts'
import { createServerFixture, type Server, startAndExpectExit, startServer } from '../../support/server.ts'

const hasPython = spawnSync('python3', ['--version']).error === undefined

const FAILS = `console.log('no model is configured'); process.exit(3)`

let folder: string
let files: Awaited<ReturnType<typeof createServerFixture>>
let server: Server

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'own-agents-'))
  writeFileSync(join(folder, 'fails.mjs'), FAILS)
  const images = {
    ...(hasPython
      ? { hermes: { command: ['python3', 'agent.py'], directory: `${process.cwd()}/examples/python-agent` } }
      : {}),
    codex: {
      command: [process.execPath, 'agent.ts'],
      directory: `${process.cwd()}/examples/typescript-agent`,
      env: { AGENT_NAME: 'my-agent' },
    },
    crewai: { command: [process.execPath, 'fails.mjs'] },
  }
  writeFileSync(join(folder, 'agents.json'), JSON.stringify(images))
  files = await createServerFixture()
  const DATABASE_URL = await createPostgresDatabase()
  server = await startServer({
    ...files.settings,
    DATABASE_URL,
    EMULATOR_IMAGES: join(folder, 'agents.json'),
  })
})
afterAll(async () => {
  await server.end('SIGTERM')
  files.remove()
  rmSync(folder, { recursive: true })
})

const post = (path: string, json: unknown, wait = 60) =>
  server.call<Json>(path, { method: 'POST', json, headers: { prefer: `wait=${wait}` } })

async function create(runtime: string): Promise<Json> {
  const { body } = await post('/workspaces', { name: `${runtime}-agent`, runtime })
  return body
}

const message = (text: string) => ({
  kind: 'message',
  messageId: crypto.randomUUID(),
  role: 'user',
  parts: [{ kind: 'text', text }],
})

async function say(id: string, text: string): Promise<string> {
  const call = { jsonrpc: '2.0', id: 7, method: 'message/send', params: { message: message(text) } }
  const { body } = await post(`/workspaces/${id}/a2a`, call)
  return body['result']?.parts[0].text
}

/** The events of `message/stream`. */
async function stream(id: string, text: string): Promise<Json[]> {
  const response = await fetch(`${server.url}/workspaces/${id}/a2a`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 7,
      method: 'message/stream',
      params: { message: message(text) },
    }),
  })
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith('data: '))
  return lines.map((line) => JSON.parse(line.slice('data: '.length)).result)
}

async function logOf(id: string): Promise<string> {
  const response = await fetch(`${server.url}/workspaces/${id}/logs`, { headers: { accept: 'text/plain' } })
  return response.text()
}

describe.each([
  { name: 'python-agent', runtime: 'hermes', isThere: hasPython },
  { name: 'typescript-agent', runtime: 'codex', isThere: true },
])('examples/$name', ({ runtime, isThere }) => {
  test.runIf(isThere)(
    `a workspace of the example for ${runtime} answers, streams and remembers after a pause, answers mistakes as JSON-RPC errors and strangers with 401`,
    async () => {
      const { id, status } = await create(runtime)
      expect(status).toBe('ready')
      expect(await say(id, 'hello')).toBe('You said: hello')
      expect(await say(id, 'what do you remember?')).toBe('I remember nothing.')
      expect(await say(id, 'remember the invoice is paid')).toBe('I will remember it.')
      await say(id, 'remember the milk')

      expect((await post(`/workspaces/${id}/pause`, {})).body['status']).toBe('paused')
      expect(await logOf(id)).toMatch(/listening on port \d+\n[^]*registered\n[^]*stopped/)
      expect((await post(`/workspaces/${id}/resume`, {})).body['status']).toBe('ready')
      const events = await stream(id, 'what do you remember?')
      expect(events.map(({ kind }) => kind)).toEqual([
        'task',
        ...Array.from({ length: 3 }, () => 'artifact-update'),
        'status-update',
      ])
      expect(events.flatMap(({ artifact }) => artifact?.parts[0].text ?? []).join('')).toBe(
        'I remember: the invoice is paid; the milk',
      )
      expect(events.at(-1)).toMatchObject({ status: { state: 'completed' }, final: true })
      await expect
        .poll(async () => (await server.call<Json>(`/workspaces/${id}`)).body['last_heartbeat_at'])
        .toEqual(expect.any(String))

      const codeFor = async (call: unknown) => (await post(`/workspaces/${id}/a2a`, call)).body['error']?.code
      expect(await codeFor({ jsonrpc: '2.0', id: 1, method: 'tasks/get', params: { id: 'x' } })).toBe(-32601)
      expect(await codeFor({ jsonrpc: '2.0', id: 1, method: 'message/send', params: { message: {} } })).toBe(
        -32602,
      )
      const card = await server.call<Json>(`/workspaces/${id}/a2a/.well-known/agent-card.json`)
      expect(card.body['skills'][0].id).toBe('memory')
      const port = [...(await logOf(id)).matchAll(/listening on port (\d+)/g)].at(-1)?.[1]
      const direct = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{}' })
      expect(direct.status).toBe(401)
    },
  )
})

test('two workspaces of one program run beside each other, each with its own disk and variables', async () => {
  const [one, two] = await Promise.all([create('codex'), create('codex')])
  expect([one['status'], two['status']]).toEqual(['ready', 'ready'])
  await say(one['id'], 'remember one')
  expect(await say(two['id'], 'what do you remember?')).toBe('I remember nothing.')
  const { body } = await server.call<Json>(`/workspaces/${two['id']}/a2a/.well-known/agent-card.json`)
  expect(body['name']).toBe('my-agent')
})

test('a program that ends is started again a few times, and its workspace fails with what it printed', async () => {
  const { id } = await create('crewai')
  await expect
    .poll(async () => (await server.call<Json>(`/workspaces/${id}`)).body['status'], {
      timeout: 120_000,
      interval: 200,
    })
    .toBe('failed')
  const { body } = await server.call<Json>(`/workspaces/${id}/explain`)
  expect(JSON.stringify(body['last_lines'].lines)).toContain('no model is configured')
  expect(body['reason'].code).toBe('crashed')
})

test('the banner names the programs', () => {
  expect(server.printed.stdout).toContain(`EMULATOR_IMAGES`)
})

describe('settings that cannot work', () => {
  test.each([
    ['hermes=pyhton agent.py', 'EMULATOR_IMAGES: hermes: there is no program "pyhton" in PATH'],
    ['no-such-file.json', 'EMULATOR_IMAGES names a file that cannot be read'],
  ])('EMULATOR_IMAGES=%s stops the start with a sentence', async (images, sentence) => {
    const { settings, remove } = await createServerFixture()
    onTestFinished(remove)
    const { code, stderr } = await startAndExpectExit({ ...settings, EMULATOR_IMAGES: images })
    expect(stderr).toContain(sentence)
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(code).toBe(2)
  })
})
