// `npm run tutorial`: the steps of the tutorial as one program, with a restart, a fork and a delete. Ends with 1 at the first step
// that fails, after deleting its workspaces.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type EmbeddedServer, startEmbeddedServer } from './tutorial/embedded-server.ts'
import { readJson, readText } from './read-response.ts'

const HELP = `npm run tutorial: makes a workspace, waits for it, talks to it, restarts it and deletes it. With the emulator it also
shows that the agent's work outlives a restart and a pause, and that a fork has a copy of it.

It calls the server at BASE_URL; without BASE_URL the one at http://localhost:8080, and if none answers there, or with --embedded,
a server that it starts and stops.

  BASE_URL       the server to call, for example https://workspaces.example
  ADMIN_TOKEN    sent as a bearer token
  REGION         the Fly region of the workspace; default: the server's
  READY_SECONDS  how long to wait for it to become ready; default 600
`

type Json = Record<string, unknown>
type Workspace = Json & { id: string; status: string }

const env = (name: string): string | undefined => process.env[name] || undefined
const READY_MS = Number(env('READY_SECONDS') ?? 600) * 1000
const DEFAULT_URL = 'http://localhost:8080'
const REGION_QUESTION = 'What region are you running in?'

/** A step that failed. The message states what happened instead. */
class StepFailed extends Error {}

const { values: flags } = parseArgs({
  options: { help: { type: 'boolean', short: 'h' }, embedded: { type: 'boolean' } },
})
if (flags.help === true) {
  console.log(HELP)
  process.exit(0)
}
process.exitCode = await main()

async function main(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'workspaces-tutorial-'))
  let embedded: EmbeddedServer | undefined
  let interrupted = false
  process.once('SIGINT', () => (interrupted = true))
  try {
    const url = flags.embedded === true ? undefined : await findServer()
    if (url === undefined) {
      const token = env('ADMIN_TOKEN')
      embedded = await startEmbeddedServer({
        DATA_DIR: directory,
        ...(token === undefined ? {} : { ADMIN_TOKEN: token }),
      })
      console.log(`An embedded server is started at ${embedded.url}\n`)
    }
    await walk(new URL(embedded?.url ?? url ?? DEFAULT_URL), () => interrupted)
    return 0
  } catch (error) {
    console.log(`\n✗ ${error instanceof StepFailed ? error.message : String(error)}`)
    return 1
  } finally {
    await embedded?.stop()
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** BASE_URL, else the default address if this server answers there. */
async function findServer(): Promise<string | undefined> {
  const named = env('BASE_URL')
  if (named !== undefined) return named
  try {
    const response = await fetch(`${DEFAULT_URL}/healthz`, { signal: AbortSignal.timeout(2_000) })
    return 'provisioner' in ((await readJson(response)) as Json) ? DEFAULT_URL : undefined
  } catch {
    return undefined
  }
}

async function walk(base: URL, interrupted: () => boolean): Promise<void> {
  const started = performance.now()
  const made: string[] = []
  let emulator = false
  try {
    await step(`What is at ${base.origin}?`, async () => {
      const health = await call(base, 'GET', '/healthz')
      emulator = health['emulator'] === true
      const emulated = emulator ? ' (emulated)' : ''
      return `provisioner ${text(health, 'provisioner')}${emulated}, app ${text(health, 'app')}, region ${text(health, 'region')}, database ${text(health, 'database')}`
    })
    await step('Create a workspace: fly-worker, hermes, tier 2', async () => {
      const region = env('REGION')
      const workspace = await call<Workspace>(base, 'POST', '/workspaces', {
        name: 'fly-worker',
        role: 'Fly-provisioned inference worker',
        runtime: 'hermes',
        tier: 2,
        ...(region === undefined ? {} : { region }),
      })
      made.push(text(workspace, 'id'))
      return `${made[0]}, ${workspace.status}`
    })
    const path = `/workspaces/${made[0]}`
    await step('Wait until it is ready', async () => describe(await ready(base, path, interrupted)))
    await step('Ask it: What region are you running in?', () => ask(base, path, REGION_QUESTION))
    if (emulator) await step('Tell it to remember the milk', () => ask(base, path, 'remember the milk'))
    await step('Restart it, and wait until it is ready again', async () => {
      const before = await call<Workspace>(base, 'GET', path)
      await call(base, 'POST', `${path}/restart`)
      const after = await ready(base, path, interrupted)
      if (Number(after['generation']) <= Number(before['generation'])) {
        throw new StepFailed(`its generation is still ${String(after['generation'])}`)
      }
      return `generation ${String(after['generation'])}, ${describe(after)}`
    })
    await step('Ask it again', () => ask(base, path, REGION_QUESTION))
    if (emulator) await showDisk(base, path, made, interrupted)
    await step('Delete it, with its machine', async () => {
      for (const id of made.splice(0)) {
        await call(base, 'DELETE', `/workspaces/${id}`, undefined, { prefer: 'wait=60' })
        const { status } = await call<Workspace>(base, 'GET', `/workspaces/${id}`)
        if (status !== 'removed') throw new StepFailed(`its status is ${status}, not removed`)
      }
      return 'removed'
    })
    console.log(`\n✓ the whole tutorial, in ${seconds(started)}`)
  } finally {
    for (const id of made) await cleanUp(base, id)
  }
}

/** What the sample agent of the emulator keeps on its disk. Other agents have other ways to remember. */
async function showDisk(base: URL, path: string, made: string[], interrupted: () => boolean): Promise<void> {
  const remembers = async (of: string): Promise<string> => {
    const reply = await ask(base, of, 'what do you remember?')
    if (!reply.includes('the milk')) throw new StepFailed(`it answers ${reply}`)
    return reply
  }
  await step('Pause it and resume it', async () => {
    await call(base, 'POST', `${path}/pause`, undefined, { prefer: 'wait=60' })
    await call(base, 'POST', `${path}/resume`)
    return describe(await ready(base, path, interrupted))
  })
  await step('Ask it: What do you remember?', () => remembers(path))
  await step('Fork it, and ask the fork', async () => {
    const fork = await call<Workspace>(base, 'POST', '/workspaces', {
      name: 'fly-worker-fork',
      from: { workspace: made[0] },
    })
    made.push(text(fork, 'id'))
    await ready(base, `/workspaces/${fork.id}`, interrupted)
    return remembers(`/workspaces/${fork.id}`)
  })
}

/** Runs one step and prints its title, its result and its duration. */
async function step(question: string, act: () => Promise<string>): Promise<void> {
  const started = performance.now()
  console.log(`▸ ${question}`)
  try {
    console.log(`    ${await act()}   [${seconds(started)}]`)
  } catch (error) {
    if (error instanceof StepFailed) throw new StepFailed(`${question}\n    ${error.message}`)
    throw error
  }
}

async function call<Body extends Json = Json>(
  base: URL,
  method: string,
  path: string,
  body?: unknown,
  extra: Record<string, string> = {},
): Promise<Body> {
  const token = env('ADMIN_TOKEN')
  const headers = {
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...extra,
  }
  let response: Response
  let raw: string
  try {
    response = await fetch(base.href.replace(/\/$/, '') + path, {
      method,
      headers,
      signal: AbortSignal.timeout(120_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    raw = await readText(response)
  } catch (error) {
    const { cause, message } = error as Error
    const why = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : message
    throw new StepFailed(`${method} ${path}: no answer from ${base.origin} (${String(why)})`)
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(raw)
  } catch {
    throw new StepFailed(`${method} ${path} answered ${response.status} and no JSON: ${raw.slice(0, 200)}`)
  }
  const failure = (parsed as Json | null)?.['error']
  if (!response.ok || failure !== undefined) {
    throw new StepFailed(
      `${method} ${path} answered ${response.status}: ${typeof failure === 'string' ? failure : JSON.stringify(failure ?? parsed)}`,
    )
  }
  return parsed as Body
}

async function ready(base: URL, path: string, interrupted: () => boolean): Promise<Workspace> {
  const until = performance.now() + READY_MS
  for (;;) {
    const workspace = await call<Workspace>(base, 'GET', path, undefined, { prefer: 'wait=10' })
    if (workspace.status === 'ready') return workspace
    const reason = workspace['reason'] as { code: string; message: string; hint: string } | null
    if (workspace.status === 'failed' || workspace.status === 'removed') {
      throw new StepFailed(
        `it is ${workspace.status}: ${reason === null ? 'no reason was given' : `${reason.message} (${reason.code}). ${reason.hint}`}`,
      )
    }
    if (interrupted()) throw new StepFailed('interrupted')
    if (performance.now() > until)
      throw new StepFailed(`it is still ${workspace.status} after ${READY_MS / 1000} s`)
    console.log(`    ${workspace.status} …`)
    await delay(250)
  }
}

async function ask(base: URL, path: string, question: string): Promise<string> {
  const answer = await call(base, 'POST', `${path}/a2a`, {
    jsonrpc: '2.0',
    id: '1',
    method: 'message/send',
    params: { message: { role: 'user', parts: [{ kind: 'text', text: question }] } },
  })
  const { parts } = (answer['result'] ?? {}) as { parts?: { text?: unknown }[] }
  const reply = parts?.[0]?.text
  if (typeof reply !== 'string' || reply === '')
    throw new StepFailed(`the answer has no text: ${JSON.stringify(answer)}`)
  return JSON.stringify(reply)
}

async function cleanUp(base: URL, id: string): Promise<void> {
  try {
    await call(base, 'DELETE', `/workspaces/${id}?confirm=true`, undefined, { prefer: 'wait=30' })
    console.log(`\n  (workspace ${id} is deleted again)`)
  } catch (error) {
    console.log(`\n  (workspace ${id} could not be deleted: ${(error as Error).message})`)
  }
}

function describe(workspace: Workspace): string {
  return `${workspace.status}: machine ${String(workspace['machine_id'])} in ${String(workspace['machine_region'])}`
}

function text(body: Json, name: string): string {
  const value = body[name]
  if (typeof value !== 'string') throw new StepFailed(`the answer has no ${name}: ${JSON.stringify(body)}`)
  return value
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(2)} s`
}
