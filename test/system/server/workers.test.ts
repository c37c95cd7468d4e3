// Several processes behind one port (WORKERS): callers, scrapers and signals see one server.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPostgresDatabase } from '../../support/database.ts'
import { freePorts } from '../../support/ports.ts'
import { startLoopbackFly } from '../../support/loopback-fly.ts'
import { childrenOf, stillLiving } from '../../support/processes.ts'
import { createGate, createScriptedAgent, reply, SCRIPTED_AGENT_IMAGE } from '../../support/scripted-agent.ts'
import { type Server, type Settings, startAndExpectExit, startServer } from '../../support/server.ts'

const TOKEN = 'a-token-of-the-operator'
const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }

const agent = createScriptedAgent()
let fly: Awaited<ReturnType<typeof startLoopbackFly>>
let settings: Settings
beforeAll(async () => {
  fly = await startLoopbackFly({ [`${SCRIPTED_AGENT_IMAGE}*`]: agent.program })
  const [port = 0] = await freePorts(1)
  settings = {
    ...fly.settings,
    DATABASE_URL: await createPostgresDatabase(),
    ADMIN_TOKEN: TOKEN,
    SWEEP_INTERVAL_SECONDS: '1',
    PORT: String(port),
    WORKERS: '2',
  }
})
afterAll(() => fly.close())

const workersOf = (server: Server) => childrenOf(server.pid, process.execPath)

/** Each on a connection of its own, so that the workers share them. */
const onNewConnection = (server: Server, path: string) =>
  fetch(`${server.url}${path}`, { headers: { ...headers, connection: 'close' } })

async function scrape(server: Server, sample: string): Promise<number> {
  const text = await (await onNewConnection(server, '/metrics')).text()
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(sample))
      ?.split(' ')
      .at(-1) ?? Number.NaN,
  )
}

/** @returns the workspace's path */
async function createWorkspace(server: Server): Promise<string> {
  const response = await fetch(`${server.url}/workspaces`, {
    method: 'POST',
    headers: { ...headers, prefer: 'wait=30' },
    body: JSON.stringify({ name: 'shared', runtime: 'hermes', tier: 2, image: `${SCRIPTED_AGENT_IMAGE}:1` }),
  })
  const { id, status } = (await response.json()) as { id: string; status: string }
  expect(status).toBe('ready')
  return `/workspaces/${id}`
}

const send = (server: Server, path: string, text: string) =>
  fetch(`${server.url}${path}/a2a`, {
    method: 'POST',
    headers: { ...headers, connection: 'close' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'message/send',
      params: { message: { messageId: text, role: 'user', parts: [{ kind: 'text', text }] } },
    }),
  })

describe('a server of two workers', () => {
  let server: Server
  beforeAll(async () => {
    server = await startServer(settings)
  })
  afterAll(() => server.end('SIGKILL'))

  test('two processes answer at one port, and one message says where', async () => {
    expect(workersOf(server)).toHaveLength(2)
    expect(server.printed.stdout.match(/^ {2}API /gm)).toHaveLength(1)
    const path = await createWorkspace(server)
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => send(server, path, `m-${n}`)))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200))
  })

  test('a scrape of any worker has what all of them counted', async () => {
    const sample = 'molecule_requests_total{route="GET /livez",status="200"}'
    for (let n = 0; n < 10; n++) await onNewConnection(server, '/livez')
    expect([await scrape(server, sample), await scrape(server, sample)]).toEqual([10, 10])
    const info = await (await onNewConnection(server, '/metrics')).text()
    expect(info.match(/^molecule_info\{.*\} 1$/gm)).toHaveLength(1)
  })

  test('SIGHUP replaces the workers one by one, and no request fails', async () => {
    const path = await createWorkspace(server)
    const gate = createGate()
    agent.answer = async (arrival) => {
      await gate.passed
      return reply(arrival)
    }
    const before = workersOf(server)
    const slow = send(server, path, 'asked before the restart')
    await expect.poll(() => agent.arrivals.at(-1)?.text).toBe('asked before the restart')
    process.kill(server.pid, 'SIGHUP')
    const statuses: number[] = []
    const isReplaced = () => stillLiving(before).length === 0
    await expect
      .poll(
        async () => {
          statuses.push((await onNewConnection(server, '/livez')).status)
          if (workersOf(server).length > 2) gate.open()
          return isReplaced()
        },
        { timeout: 60_000 },
      )
      .toBe(true)
    expect((await slow).status).toBe(200)
    expect(new Set(statuses)).toEqual(new Set([200]))
    expect(workersOf(server)).toHaveLength(2)
    agent.answer = reply
  })

  test('a worker that is killed is replaced, and its replacement is said in the log', async () => {
    // 0 would be this process and its group.
    const [victim = Number.NaN] = workersOf(server)
    process.kill(victim, 'SIGKILL')
    await expect
      .poll(() => workersOf(server).filter((pid) => pid !== victim).length, { timeout: 30_000 })
      .toBe(2)
    await expect.poll(() => server.printed.stderr).toContain('a worker ended, and is replaced')
    expect((await onNewConnection(server, '/livez')).status).toBe(200)
  })

  test('workers end with their primary process, also when it is killed', async () => {
    const workers = workersOf(server)
    expect(workers).toHaveLength(2)
    await server.end('SIGKILL')
    await expect.poll(() => stillLiving(workers)).toEqual([])
  })
})

test('SIGINT lets a request end and all processes with exit code 0, also when npm passes it on and a worker cannot start in time', async () => {
  const server = await startServer({ ...settings, SHUTDOWN_GRACE_SECONDS: '2' })
  const path = await createWorkspace(server)
  const before = workersOf(server)
  process.kill(before[0] ?? Number.NaN, 'SIGKILL')
  const replacement = () => workersOf(server).find((pid) => !before.includes(pid))
  await expect.poll(replacement, { interval: 5, timeout: 30_000 }).toEqual(expect.any(Number))
  const workers = workersOf(server)
  process.kill(replacement() ?? Number.NaN, 'SIGSTOP')
  const gate = createGate()
  agent.answer = async (arrival) => {
    await gate.passed
    return reply(arrival)
  }
  const slow = send(server, path, 'asked before the end')
  await expect.poll(() => agent.arrivals.at(-1)?.text).toBe('asked before the end')
  const began = performance.now()
  const exit = server.end('SIGINT')
  await delay(20)
  // Where this process was held up, it would be another request, to end at once.
  if (performance.now() - began < 500) process.kill(server.pid, 'SIGINT')
  await delay(100)
  gate.open()
  expect((await slow).status).toBe(200)
  expect(await exit, server.printed.stderr).toEqual({ code: 0, signal: null })
  expect(stillLiving(workers)).toEqual([])
  agent.answer = reply
})

test('a port in use is reported once, with exit code 2', async () => {
  const { code, stderr } = await startAndExpectExit({
    ...settings,
    PORT: new URL(fly.settings.FLY_FLAPS_BASE_URL).port,
  })
  expect(code).toBe(2)
  expect(stderr.match(/is in use by another program/g)).toHaveLength(1)
})

test('the embedded database and the embedded emulator are refused, because they belong to one process', async () => {
  const { code, stderr } = await startAndExpectExit({ WORKERS: 'auto', DATA_DIR: '/nowhere' })
  expect(code).toBe(2)
  expect(stderr).toContain('WORKERS=auto needs DATABASE_URL')
  expect(stderr).toContain('WORKERS=auto needs CONTAINER_BACKEND')
})
