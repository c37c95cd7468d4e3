// What of an agent's work outlives which event, row by row: the real server, agents as processes, and disks as folders. Each row
// does to a workspace what the table of docs/survival.md says, and then looks for what the agent had on its disk, on its root
// filesystem and in its memory.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { SURVIVAL_EVENTS, type Survival, type SurvivalEvent } from '../../../lib/workspaces/survival.ts'
import { createPostgresDatabase } from '../../support/database.ts'
import type { Json } from '../../support/harness.ts'
import { createServerFixture, type Server, startServer } from '../../support/server.ts'

type Workspace = Json & { id: string; status: string; machine_id: string }
type Explained = { survives: Survival[]; machine: { image: string } }
type Reply = { result?: Json & { parts?: { text: string }[]; id?: string } }

const APP = 'molecule-workspaces'
const WAITS = { prefer: 'wait=30' }
const POLL = { interval: 300, timeout: 40_000 }

let files: Awaited<ReturnType<typeof createServerFixture>>
let databaseUrl: string
let server: Server
beforeAll(async () => {
  files = await createServerFixture()
  databaseUrl = await createPostgresDatabase()
  await start()
  // Two starts of a server.
})
afterAll(async () => {
  await server.end('SIGKILL')
  files.remove()
})

async function start(): Promise<void> {
  server = await startServer({ ...files.settings, DATABASE_URL: databaseUrl, SWEEP_INTERVAL_SECONDS: '1' })
  await fault({ kind: 'rate-limits', on: false })
}

const read = async (id: string) => (await server.call<Workspace>(`/workspaces/${id}`)).body
const explain = async (id: string) => (await server.call<Explained>(`/workspaces/${id}/explain`)).body
const act = (id: string, verb: string, json: Json = {}) =>
  server.call<Workspace>(`/workspaces/${id}/${verb}`, { method: 'POST', headers: WAITS, json })
/** Rows run at the same time, where `expect.poll` does not know its test. */
const poll = (check: () => Promise<void>) => vi.waitFor(check, POLL)
const until = (id: string, status: string) => poll(async () => expect((await read(id)).status).toBe(status))

async function create(json: Json = {}): Promise<Workspace> {
  const { body } = await server.call<Workspace>('/workspaces', {
    method: 'POST',
    headers: WAITS,
    json: { name: 'keeper', runtime: 'hermes', tier: 2, ...json },
  })
  expect(body, server.printed.stderr).toMatchObject({ status: 'ready' })
  return body
}

async function send(id: string, method: string, params: Json): Promise<Reply> {
  const json = { jsonrpc: '2.0', id: '1', method, params }
  return (await server.call<Reply>(`/workspaces/${id}/a2a`, { method: 'POST', json })).body
}
const say = (id: string, text: string) =>
  send(id, 'message/send', {
    message: { kind: 'message', messageId: randomUUID(), role: 'user', parts: [{ kind: 'text', text }] },
  })
const answer = async (id: string, text: string) => (await say(id, text)).result?.parts?.[0]?.text

/** The Machines API, as flyctl uses it. */
async function fly(method: string, path: string, body?: Json): Promise<Json> {
  const response = await fetch(`${files.emulatorUrl}/v1/apps/${APP}/machines/${path}`, {
    method,
    headers: { authorization: 'Bearer emulator', 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return (await response.json()) as Json
}
const shell = async (id: string, command: string) =>
  (await fly('POST', `${(await read(id)).machine_id}/exec`, { command: ['sh', '-c', command] }))['stdout']

/** A fault of the emulated Fly. @returns what ends it */
async function fault(json: Json): Promise<() => Promise<unknown>> {
  const url = `${files.emulatorUrl}/_emulator/faults`
  const headers = { authorization: 'Bearer emulator' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(json) })
  const { id } = (await response.json()) as { id: string }
  return () => fetch(`${url}/${id}`, { method: 'DELETE', headers })
}

/** What the agent remembers after a snapshot. */
const NEWER = 'what came after the snapshot'

/** Leaves a trace in each of the three places. @returns the id of a task, which the agent has in its memory */
async function leaveTraces(id: string, trace: string): Promise<string> {
  await say(id, `remember ${trace}`)
  await shell(id, `echo ${trace} > trace`)
  return String((await say(id, 'stream 1')).result?.id)
}

async function findTraces(id: string, trace: string, task: string) {
  const fate = (found: boolean) => (found ? 'kept' : 'lost')
  const memories = (await answer(id, 'what do you remember?')) ?? ''
  return {
    disk:
      trace === 'restore' && memories.includes(trace) && !memories.includes(NEWER)
        ? 'snapshot'
        : fate(memories.includes(trace)),
    root_filesystem: fate((await shell(id, 'cat trace')) === `${trace}\n`),
    memory: fate((await send(id, 'tasks/get', { id: task })).result?.id === task),
  }
}

async function untilRegistersAgain(id: string, deed: () => Promise<unknown>): Promise<void> {
  const { registered_at: before } = await read(id)
  await deed().catch(() => undefined)
  await poll(async () => expect((await read(id))['registered_at']).not.toBe(before))
  await until(id, 'ready')
}

const wake = (id: string) => act(id, 'resume')
/** A digest of the runtime's image. Every digest of it runs the same agent here. */
const digest = `sha256:${'d'.repeat(64)}`

/** Each does it, and brings the workspace back to ready. */
const DEEDS: Record<Exclude<SurvivalEvent, 'delete'>, (id: string) => Promise<unknown>> = {
  // The longest first: rows run at the same time.
  async host_full(id) {
    await act(id, 'pause')
    const { disk } = (await read(id)) as unknown as { disk: { id: string } }
    const { volume_id } = (await server.call(`/disks/${disk.id}`)).body
    const recover = await fault({ kind: 'host-full', volume: volume_id })
    await wake(id)
    await until(id, 'ready')
    await recover()
  },
  restart: (id) => act(id, 'restart'),
  async pause(id) {
    await act(id, 'pause')
    await wake(id)
  },
  async hibernate(id) {
    await act(id, 'hibernate')
    await wake(id)
  },
  async own_suspend(id) {
    await say(id, 'suspend yourself')
    await until(id, 'hibernated')
    await wake(id)
  },
  async own_stop(id) {
    await say(id, 'stop yourself')
    await until(id, 'hibernated')
    await wake(id)
  },
  async change(id) {
    await server.call(`/workspaces/${id}`, { method: 'PATCH', json: { tier: 3, env: { A: 'b' } } })
    await act(id, 'restart', {})
  },
  async rollout(id) {
    const json = { runtime: 'hermes', digest, workspaces: [id], watch_seconds: 0 }
    await server.call('/rollouts', { method: 'POST', json })
    await poll(async () => expect((await explain(id)).machine.image).toContain(digest))
    await until(id, 'ready')
  },
  async crash(id) {
    await untilRegistersAgain(id, () => say(id, 'exit 3'))
  },
  async machine_destroyed(id) {
    const { machine_id: before } = await read(id)
    await fly('DELETE', `${before}?force=true`)
    await poll(async () => expect((await read(id)).machine_id).not.toBe(before))
    await until(id, 'ready')
  },
  async region_change(id) {
    await server.call(`/workspaces/${id}`, { method: 'PATCH', json: { region: 'fra' } })
    await act(id, 'restart')
    await until(id, 'ready')
    expect((await read(id))['disk']).toMatchObject({ region: 'fra' })
  },
  async host_lost(id) {
    const { machine_id } = await read(id)
    await untilRegistersAgain(id, async () => {
      const recover = await fault({ kind: 'host-unreachable', machine: machine_id })
      // The host has lost its power, and comes back.
      for (const pid of server.guests()) process.kill(pid, 'SIGKILL')
      await recover()
    })
  },
  async restore(id) {
    const { body } = await server.call<{ snapshot: { id: string } }>(`/workspaces/${id}/snapshots`, {
      method: 'POST',
      headers: WAITS,
    })
    await say(id, `remember ${NEWER}`)
    await act(id, 'restore', { snapshot: body.snapshot.id })
    await until(id, 'ready')
  },
  async given_up(id) {
    const change = (image: string | null) =>
      server.call(`/workspaces/${id}`, { method: 'PATCH', json: { image } })
    await change('ghcr.io/molecule-ai/no-such-image:1')
    await act(id, 'restart')
    await until(id, 'failed')
    await change(null)
    await act(id, 'restart')
    await until(id, 'ready')
  },
}

/** Ready workspaces with a disk that no row uses at present. Rows that run at the same time take one each. */
const free: string[] = []
const take = async () => free.pop() ?? (await create()).id

async function checkRow(event: keyof typeof DEEDS): Promise<void> {
  // No other workspace has its disk in this region, and so on the host that becomes full.
  const id = event === 'host_full' ? (await create({ region: 'nrt' })).id : await take()
  const { survives } = await explain(id)
  const task = await leaveTraces(id, event)
  await DEEDS[event](id)
  const { disk, root_filesystem, memory } = survives.find((row) => row.event === event) ?? {}
  expect(await findTraces(id, event, task)).toEqual({ disk, root_filesystem, memory })
  if (event !== 'host_full') free.push(id)
}

/** The host of all machines is this computer, so nothing else runs while it is lost. */
const { host_lost: _, ...AT_THE_SAME_TIME } = DEEDS

// What ends all agents comes first, while there are few.
test('the disk outlives an embedded server, and is given to the machine that boots with the next one', async () => {
  const id = await take()
  const task = await leaveTraces(id, 'server')
  const { registered_at: before } = await read(id)
  await server.end('SIGKILL')
  await start()
  await poll(async () => expect((await read(id))['registered_at']).not.toBe(before))
  await until(id, 'ready')
  expect(await findTraces(id, 'server', task)).toEqual({
    disk: 'kept',
    root_filesystem: 'lost',
    memory: 'lost',
  })
  free.push(id)
})

describe('a workspace with a disk', () => {
  test('after host_lost it has what explain promises', () => checkRow('host_lost'))
})

describe.concurrent('a workspace with a disk', () => {
  test.each(Object.keys(AT_THE_SAME_TIME) as (keyof typeof AT_THE_SAME_TIME)[])(
    'after %s it has what explain promises',
    checkRow,
  )
})

describe('a workspace with a disk', () => {
  test('a delete takes the disk along, unless it is kept', async () => {
    const [lost, kept] = [await take(), await take()]
    expect((await explain(lost)).survives.at(-1)).toMatchObject({
      event: 'delete',
      disk: 'lost',
      memory: 'lost',
    })
    for (const [one, query] of [
      [lost, ''],
      [kept, '?keep_disk=true'],
    ])
      await server.call(`/workspaces/${one}${query}`, { method: 'DELETE', headers: WAITS })
    const disks = async () =>
      (await server.call<Json[]>('/disks')).body
        // The disk of the region before is kept for a while.
        .filter((disk) => disk['retained_reason'] !== 'replaced')
        .map((disk) => disk['made_for'])
        .filter((id) => id === lost || id === kept)
    await expect.poll(disks, POLL).toEqual([kept])
  })
})

test('a workspace without a disk keeps what a suspend keeps, and nothing else', async () => {
  const { id } = await create({ disk_gb: 0 })
  const { survives } = await explain(id)
  expect(new Set(survives.map(({ disk }) => disk))).toEqual(new Set(['none']))
  const slept = await leaveTraces(id, 'slept')
  await DEEDS.hibernate(id)
  expect(await findTraces(id, 'slept', slept)).toEqual({
    disk: 'kept',
    root_filesystem: 'kept',
    memory: 'kept',
  })
  await DEEDS.pause(id)
  expect(await findTraces(id, 'slept', slept)).toEqual({
    disk: 'lost',
    root_filesystem: 'lost',
    memory: 'lost',
  })
})

test('docs/survival.md has a row for each event of explain', () => {
  const text = readFileSync(new URL('../../../docs/survival.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, event]) => event)
  expect(rows).toEqual([...SURVIVAL_EVENTS])
})
