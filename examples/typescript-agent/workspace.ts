// The agent's side of its workspace: what the platform tells it, and what it tells the platform. It does not depend on how the
// agent speaks A2A: with another server, such as the one of @a2a-js/sdk, this file stays as it is.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const { env } = process

// In a machine these are /configs and /workspace. They come from the environment, so that the agent also runs elsewhere.
const CONFIGS = env['CONFIGS_DIR'] ?? '/configs'
export const DISK = env['WORKSPACE_DISK_PATH'] ?? '/workspace'
/** A machine's service expects the agent at 8000. The emulator gives each agent a port of its own in PORT. */
export const PORT = Number(env['PORT'] ?? 8000)
/** The address at which others reach this agent: through the platform. */
export const PUBLIC_URL = env['MOLECULE_WORKSPACE_URL'] ?? `http://localhost:${PORT}`

const WORKSPACE_ID = required('WORKSPACE_ID')
const PLATFORM_URL = required('PLATFORM_URL').replace(/\/$/, '')

const HEARTBEAT_MS = 30_000
const REGISTER_TRIES = 8

/** What the agent does at the moment. Heartbeats report it, and the platform does not stop a busy agent. */
export const work = { active: 0, requests: 0, errors: 0, sampleError: '' }

/** The secret that the platform sends with each request to this agent, as `Authorization: Bearer …`. */
export const inboundSecret = (): string | undefined => read('.platform_inbound_secret')

/** Tells the platform that the agent is there. A platform that is away for a while is asked again. */
export async function register(card: object): Promise<void> {
  for (let attempt = 0; attempt < REGISTER_TRIES; attempt++) {
    try {
      const response = await post('/registry/register', {
        id: WORKSPACE_ID,
        url: PUBLIC_URL,
        agent_card: card,
      })
      if (response.ok) {
        const answer = (await response.json()) as Record<string, unknown>
        keep('.auth_token', answer['auth_token'])
        keep('.platform_inbound_secret', answer['platform_inbound_secret'])
        console.log('registered')
        return
      }
      console.log(`register: ${response.status} ${await response.text()}`)
      if (response.status < 500) return
    } catch (error) {
      console.log(`register: ${String(error)}`)
    }
    await pause(Math.min(2 ** attempt, 30) * 1000, undefined, { ref: false })
  }
}

/** Sends a heartbeat at once and then every 30 seconds, until the agent stops. */
export async function sendHeartbeats(stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    const { active, errors, requests, sampleError } = work
    Object.assign(work, { requests: 0, errors: 0, sampleError: '' })
    try {
      const response = await post('/registry/heartbeat', {
        workspace_id: WORKSPACE_ID,
        active_tasks: active,
        error_rate: requests === 0 ? 0 : errors / requests,
        sample_error: sampleError,
        uptime_seconds: Math.floor(process.uptime()),
      })
      await response.body?.cancel()
    } catch (error) {
      console.log(`heartbeat: ${String(error)}`)
    }
    await pause(HEARTBEAT_MS, undefined, { ref: false, signal: stopping }).catch(() => undefined)
  }
}

function post(path: string, body: object): Promise<Response> {
  // Read for every call: the platform may have given a new token.
  const token = read('.auth_token') ?? env['MOLECULE_WORKSPACE_TOKEN']
  return fetch(PLATFORM_URL + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  })
}

function read(file: string): string | undefined {
  try {
    return readFileSync(join(CONFIGS, file), 'utf8').trim() || undefined
  } catch {
    return undefined
  }
}

function keep(file: string, secret: unknown): void {
  if (typeof secret !== 'string') return
  const path = join(CONFIGS, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, secret, { mode: 0o600 })
}

function required(name: string): string {
  const value = env[name]
  if (value !== undefined && value !== '') return value
  console.log(`${name} is missing: the platform sets it in every machine`)
  process.exit(1)
}
