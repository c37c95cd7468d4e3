// Two servers on one Postgres, as in production. One is killed or stopped, and no work stops, is repeated or gets lost.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Client } from 'pg'
import type { Program } from '../../../lib/emulator/guests/host.ts'
import { createPostgresDatabase } from '../../support/database.ts'
import type { Json } from '../../support/harness.ts'
import { startLoopbackFly } from '../../support/loopback-fly.ts'
import { freePorts } from '../../support/ports.ts'
import { createGate, createScriptedAgent, SCRIPTED_AGENT_IMAGE, reply } from '../../support/scripted-agent.ts'
import { type Server, type Settings, startServer } from '../../support/server.ts'

type Workspace = Json & { id: string }

const TOKEN = 'a-token-of-the-operator'
const headers = { authorization: `Bearer ${TOKEN}` }
/** Fly creates at most one machine a second in each app. */
const APPS = ['test-app', 'second', 'third', 'fourth']
const SLOW_IMAGE = 'ghcr.io/molecule-ai/slow'

const agent = createScriptedAgent()
/** An agent that does not answer before the gate opens. */
let agentGate = createGate()
const slow: Program = async (machine) => {
  await agentGate.passed
  return agent.program(machine)
}

let fly: Awaited<ReturnType<typeof startLoopbackFly>>
let databaseUrl: string
let database: Client
let settings: Settings
beforeAll(async () => {
  fly = await startLoopbackFly({ [`${SCRIPTED_AGENT_IMAGE}*`]: agent.program, [`${SLOW_IMAGE}*`]: slow })
  for (const app of APPS) fly.emulator.createApp(app, { ips: true })
  databaseUrl = await createPostgresDatabase()
  database = new Client({ connectionString: databaseUrl })
  await database.connect()
  settings = {
    ...fly.settings,
    FLY_WORKSPACE_APPS: APPS.join(','),
    DATABASE_URL: databaseUrl,
    ADMIN_TOKEN: TOKEN,
    SWEEP_INTERVAL_SECONDS: '1',
  }
  staying = await start()
})
afterAll(async () => {
  await staying.end('SIGKILL')
  await database.end()
  await fly.close()
})

/** The server that stops, a new one for each test, and the server that stays. */
let stopping: Server
let staying: Server
beforeEach(() => {
  agent.answer = reply
  agentGate = createGate()
})
afterEach(() => stopping.end('SIGKILL'))

async function start(extra: Settings = {}): Promise<Server> {
  const [port = 0] = await freePorts(1)
  return startServer({ ...settings, ...extra, PORT: String(port) })
}

async function create(server: Server, input: Json = {}, wait = 0): Promise<Workspace> {
  const { body, status } = await server.call<Workspace>('/workspaces', {
    method: 'POST',
    headers: { ...headers, ...(wait > 0 ? { prefer: `wait=${wait}` } : {}) },
    json: { name: 'one of many', runtime: 'hermes', tier: 2, image: `${SCRIPTED_AGENT_IMAGE}:1`, ...input },
  })
  expect(status).toBe(201)
  return body
}

const statusOf = async ({ id }: Workspace) =>
  (await staying.call(`/workspaces/${id}`, { headers })).body['status']

const livingMachinesOf = ({ id }: Workspace) =>
  fly.emulator.machines().filter(({ name, state }) => state !== 'destroyed' && name === `ws-${id}`)

const messageOf = (text: string, contextId?: string) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'message/send',
  params: { message: { messageId: text, contextId, role: 'user', parts: [{ kind: 'text', text }] } },
})

async function queue(server: Server, { id }: Workspace, text: string, contextId: string): Promise<string> {
  const { body } = await server.call(`/workspaces/${id}/a2a`, {
    method: 'POST',
    headers: { ...headers, prefer: 'respond-async' },
    json: messageOf(text, contextId),
  })
  return new URL(String(body['url'])).pathname
}

const stream = (server: Server, { id }: Workspace, text: string) =>
  fetch(`${server.url}/workspaces/${id}/a2a`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ ...messageOf(text), method: 'message/stream' }),
  })

/** A stream of two events, the second after the gate opens. */
function streamThrough({ passed }: { passed: Promise<void> }): Response {
  const event = (last: boolean) =>
    new TextEncoder().encode(`data: ${JSON.stringify({ jsonrpc: '2.0', id: 1, result: { last } })}\n\n`)
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(event(false))
      await passed
      controller.enqueue(event(true))
      controller.close()
    },
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

/**
 * Leases of a killed server expire after ninety seconds, and a disk whose create was under way is looked for during a minute before
 * it is created again. So that the test need not wait, leases that are not renewed within two seconds are ended here, and no
 * others; and creates of disks are made a minute and some looks older, because this Fly has carried them out by then.
 */
async function passTimeOfKilledServer(): Promise<void> {
  const leases = `select 'workspaces' as of, id, leased_until::text as until from workspaces where leased_until is not null
    union all select 'messages', id, leased_until::text from messages where leased_until is not null and finished_at is null`
  const { rows: before } = await database.query<{ of: string; id: string; until: string }>(leases)
  await delay(2_000)
  for (const { id, of, until } of before)
    await database.query(`update ${of} set leased_until = now() where id = $1 and leased_until = $2`, [
      id,
      until,
    ])
  await database.query(
    "update disks set requested_at = requested_at - interval '1 minute', looks = 5 where state = 'creating'",
  )
}

test('after one replica is killed the other makes everything ready and delivers every message once', async () => {
  stopping = await start()
  const chat = await create(staying, { name: 'chat' }, 30)
  expect(chat['status']).toBe('ready')
  const gate = createGate()
  agent.answer = async (arrival) => {
    if (arrival.text === 'in flight') await gate.passed
    return reply(arrival)
  }
  const inFlight = await queue(stopping, chat, 'in flight', 'a')
  const waiting = await Promise.all(
    ['one', 'two', 'three'].map((text, at) => queue(at === 1 ? staying : stopping, chat, text, 'a')),
  )
  const apart = await queue(staying, chat, 'apart', 'b')
  const workspaces = await Promise.all(
    Array.from({ length: 12 }, (_, at) => create(at % 2 === 0 ? stopping : staying)),
  )
  await expect.poll(() => agent.textsAt(chat.id)).toContain('in flight')
  expect(await stopping.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' })
  gate.open()
  await passTimeOfKilledServer()

  for (const workspace of [...workspaces, chat]) {
    await expect.poll(() => statusOf(workspace), { timeout: 120_000, interval: 200 }).toBe('ready')
    expect(livingMachinesOf(workspace)).toHaveLength(1)
  }
  const stateOf = async (path: string) => (await staying.call(path, { headers })).body['state']
  for (const path of [...waiting, apart]) await expect.poll(() => stateOf(path)).toBe('answered')
  // If the killed server sent it, no running server knows whether the agent received it.
  expect(['unknown', 'answered']).toContain(await stateOf(inFlight))
  expect(agent.textsAt(chat.id).toSorted()).toEqual(['apart', 'in flight', 'one', 'three', 'two'])

  // Readiness includes a sweep within the last three seconds.
  await expect
    .poll(async () => (await staying.call('/readyz')).body, { timeout: 30_000 })
    .toMatchObject({ status: 'ok' })
}, 200_000)

describe('a replica that gets SIGTERM', () => {
  test('a stopping replica accepts nothing, lets a stream end and hands its work over at once', async () => {
    stopping = await start({ SHUTDOWN_GRACE_SECONDS: '60' })
    const chat = await create(staying, { name: 'talk' }, 30)
    const coming = await create(stopping, { name: 'coming', image: `${SLOW_IMAGE}:1` })
    await expect.poll(() => livingMachinesOf(coming).length).toBe(1)
    const gate = createGate()
    agent.answer = () => streamThrough(gate)
    const streaming = await stream(stopping, chat, 'long')
    expect(streaming.status).toBe(200)

    const ended = stopping.end('SIGTERM')
    await expect
      .poll(() =>
        fetch(`${stopping.url}/livez`).then(
          () => 'taken',
          () => 'refused',
        ),
      )
      .toBe('refused')
    gate.open()
    expect(await streaming.text()).toContain('"last":true')
    const before = Date.now()
    expect(await ended).toEqual({ code: 0, signal: null })
    // Far less than its grace: it waits neither for idle connections nor for an agent that does not answer yet.
    expect(Date.now() - before).toBeLessThan(30_000)

    // A lease that was not released would delay it for ninety seconds.
    agentGate.open()
    await expect.poll(() => statusOf(coming), { timeout: 30_000, interval: 200 }).toBe('ready')
    expect(livingMachinesOf(coming)).toHaveLength(1)
  })

  test('a stopping replica cuts a stream that outlasts its grace', async () => {
    stopping = await start({ SHUTDOWN_GRACE_SECONDS: '1' })
    const chat = await create(staying, { name: 'endless' }, 30)
    agent.answer = () => streamThrough({ passed: new Promise(() => {}) })
    const streaming = await stream(stopping, chat, 'endless')
    const ended = stopping.end('SIGTERM')
    await expect(streaming.text()).rejects.toThrow()
    expect(await ended).toEqual({ code: 0, signal: null })
  })
})
