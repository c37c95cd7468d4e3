// Sends the requests of an attack, in a process of its own, so that making them does not delay the measurement.
import { setTimeout as sleep } from 'node:timers/promises'
import { ATTACKS } from './attacks/all.ts'
import type { CallOptions, Reach } from './attacks/attack.ts'

/** The workspace that attacks, and who calls it. */
export type Target = { url: string; workspaceId: string; agentToken: string; operatorToken: string }

/** An attack and where it goes, or `null` to end it. `everyMs`: a round begins so often, whether or not others have ended. */
export type AttackerCommand = { attack: string; target: Target; everyMs?: number } | { attack: null }

/** The answer to a command: since the last one, the rounds that began and how often which status answered. */
export type AttackerAnswer = { rounds: number; statuses: Record<string, number> }

/** How long one request of an attack may take. */
const REQUEST_MS = 60_000

/** Between two rounds. */
const PAUSE_MS = 10

let over = new AbortController()
let running: Promise<void> = Promise.resolve()
let rounds = 0
let statuses: Record<string, number> = {}

async function repeat(
  { attack: attackName, everyMs, target }: Exclude<AttackerCommand, { attack: null }>,
  signal: AbortSignal,
): Promise<void> {
  const attack = ATTACKS.find(({ name }) => name === attackName)
  if (attack === undefined) throw new Error(`no such attack: ${attackName}`)
  const reach = createReach(target, signal)
  while (!signal.aborted) {
    rounds++
    const round = attack.round(reach).catch(() => {})
    if (everyMs === undefined) await round
    await sleep(everyMs ?? PAUSE_MS, undefined, { signal }).catch(() => {})
  }
}

function createReach({ agentToken, operatorToken, url, workspaceId }: Target, signal: AbortSignal): Reach {
  const call = async (path: string, { headers, json, ...rest }: CallOptions): Promise<void> => {
    const response = await fetch(`${url}${path}`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]),
      ...rest,
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      headers: { 'content-type': 'application/json', ...headers },
    })
    statuses[response.status] = (statuses[response.status] ?? 0) + 1
    await response.body?.pipeTo(new WritableStream())
  }
  const withToken =
    (token: string) =>
    (path: string, options: CallOptions = {}) =>
      call(path, { ...options, headers: { authorization: `Bearer ${token}`, ...options.headers } })
  const asOperator = withToken(operatorToken)
  const asAgent = withToken(agentToken)
  const send = (json: object, headers: Record<string, string> = {}) =>
    asOperator(`/workspaces/${workspaceId}/a2a`, { method: 'POST', json, headers })
  const message = (method: string) => ({
    jsonrpc: '2.0',
    id: 1,
    method,
    params: { message: { role: 'user', parts: [{ kind: 'text', text: 'x' }] } },
  })
  return {
    workspaceId,
    body: (body) => asOperator(`/workspaces/${workspaceId}/a2a`, { method: 'POST', body }),
    card: () => asOperator(`/workspaces/${workspaceId}/a2a/.well-known/agent-card.json`),
    message: (method = 'message/send') => send(message(method)),
    storedMessage: () => send(message('message/send'), { prefer: 'respond-async' }),
    registry: (path, body) => {
      const members = (typeof body === 'string' ? body : JSON.stringify(body)).slice(1)
      const ids = JSON.stringify({ id: workspaceId, workspace_id: workspaceId }).slice(0, -1)
      return asAgent(`/registry/${path}`, { method: 'POST', body: `${ids},${members}` })
    },
    own: (path, options) => asAgent(`/workspaces/${workspaceId}${path}`, options),
    anonymous: (path, options = {}) => call(path, options),
  }
}

async function follow(command: AttackerCommand): Promise<void> {
  over.abort()
  await running
  over = new AbortController()
  const answer: AttackerAnswer = { rounds, statuses }
  rounds = 0
  statuses = {}
  if (command.attack !== null) running = repeat(command, over.signal)
  process.send?.(answer)
}

process.on('message', (command: AttackerCommand) => void follow(command))
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})
process.send?.({})
