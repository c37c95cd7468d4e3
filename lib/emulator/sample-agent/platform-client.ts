// The calls of the sample agent to the platform: one registration at boot, then heartbeats, with its workspace token.

import type { GuestMachine } from '../guests/host.ts'
import { CAPABILITIES, type Settings, SKILLS, type Work } from './settings.ts'
import { pause } from '../shared/abort.ts'

const REGISTER_TRIES = 8
const LONGEST_BACK_OFF_SECONDS = 30
const CALL_TIMEOUT_MS = 10_000

/**
 * Read at every call, first from the file, so that a rotated token is used at the next heartbeat
 * (docs/facts/molecule.md §0.4).
 */
function readToken(machine: GuestMachine, { configs }: Settings): string | undefined {
  return machine.readFile(`${configs}/.auth_token`)?.trim() || machine.env['MOLECULE_WORKSPACE_TOKEN']
}

/** Posts JSON to the platform, with the token if there is one. Rejects on transport errors and after 10 s. */
function postToPlatform(
  machine: GuestMachine,
  settings: Settings,
  path: string,
  body: object,
  signal: AbortSignal,
): Promise<Response> {
  const token = readToken(machine, settings)
  return machine.fetch(settings.platform + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
    signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]),
  })
}

/**
 * One registration (docs/facts/molecule.md §1.4). Failures are logged and not thrown. Returns whether another attempt
 * may help: yes after transport errors and 5xx, no after other refusals.
 */
export async function register(
  machine: GuestMachine,
  settings: Settings,
  signal: AbortSignal,
): Promise<boolean> {
  const { id, url, name, description, version } = settings
  const agent_card = { name, description, version, url, skills: SKILLS, capabilities: CAPABILITIES }
  try {
    const response = await postToPlatform(
      machine,
      settings,
      '/registry/register',
      { id, url, agent_card },
      signal,
    )
    const text = await response.text()
    if (!response.ok) {
      machine.log(`register: ${response.status} ${text}`)
      return response.status >= 500
    }
    const answer = JSON.parse(text) as { auth_token?: unknown; platform_inbound_secret?: unknown }
    const keep = (file: string, secret: unknown) => {
      if (typeof secret === 'string') machine.writeFile(`${settings.configs}/${file}`, secret)
    }
    keep('.auth_token', answer.auth_token)
    keep('.platform_inbound_secret', answer.platform_inbound_secret)
    machine.log('registered')
    return false
  } catch (error) {
    machine.log(`register: ${String(error)}`)
    return !(error instanceof SyntaxError)
  }
}

/** The attempts after the first, 1, 2, 4 … 30 s apart (docs/facts/molecule.md §1.4, `later:`). */
export async function registerLater(
  machine: GuestMachine,
  settings: Settings,
  signal: AbortSignal,
): Promise<void> {
  for (let tried = 1; tried < REGISTER_TRIES; tried++) {
    await pause(Math.min(2 ** (tried - 1), LONGEST_BACK_OFF_SECONDS) * 1000, signal)
    if (signal.aborted || !(await register(machine, settings, signal))) return
  }
}

/**
 * Sends a heartbeat at once and then every 30 s (`HEARTBEAT_SECONDS`). The status of the response is ignored
 * (docs/facts/molecule.md §1.5).
 */
export async function sendHeartbeats(
  machine: GuestMachine,
  settings: Settings,
  work: Work,
  signal: AbortSignal,
): Promise<void> {
  const started = Date.now()
  const interval = Number(machine.env['HEARTBEAT_SECONDS'] || 30) * 1000
  while (!signal.aborted) {
    const heartbeat = {
      workspace_id: settings.id,
      error_rate: work.requests === 0 ? 0 : work.errors / work.requests,
      sample_error: work.sampleError,
      active_tasks: work.active,
      current_task: work.current,
      uptime_seconds: Math.floor((Date.now() - started) / 1000),
    }
    try {
      const response = await postToPlatform(machine, settings, '/registry/heartbeat', heartbeat, signal)
      await response.body?.cancel()
      Object.assign(work, { requests: 0, errors: 0, sampleError: '' })
    } catch (error) {
      if (!signal.aborted) machine.log(`heartbeat: ${String(error)}`)
    }
    await pause(interval, signal)
  }
}
