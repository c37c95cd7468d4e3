// Sends the requests of an attack, in a process of its own, so that making them does not delay the measurement.
import { setTimeout as sleep } from 'node:timers/promises'
import { ATTACKS } from './attacks/all.ts'
import type { CallOptions, Reach } from './attacks/attack.ts'

/** The workspace that attacks, and who calls it. Sent once; then the name of each attack, and `null` to end it. */
export type Target = { url: string; workspaceId: string; agentToken: string; operatorToken: string }
export type AttackerCommand = { target: Target } | { attack: string | null }

/** How long one request of an attack may take. */
const REQUEST_MS = 60_000

let target: Target | undefined
let over = new AbortController()
let running: Promise<void> = Promise.resolve()

async function repeat(attackName: string, signal: AbortSignal): Promise<void> {
  const attack = ATTACKS.find(({ name }) => name === attackName)
  if (attack === undefined || target === undefined) throw new Error(`no such attack: ${attackName}`)
  const reach = createReach(target, signal)
  while (!signal.aborted) {
    await attack.round(reach).catch(() => {})
    await sleep(10)
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
    registry: (path, body) =>
      asAgent(`/registry/${path}`, {
        method: 'POST',
        json: { id: workspaceId, workspace_id: workspaceId, ...body },
      }),
    own: (path, options) => asAgent(`/workspaces/${workspaceId}${path}`, options),
    anonymous: (path, options = {}) => call(path, options),
  }
}

async function follow(command: AttackerCommand): Promise<void> {
  if ('target' in command) {
    target = command.target
  } else {
    over.abort()
    await running
    over = new AbortController()
    if (command.attack !== null) running = repeat(command.attack, over.signal)
  }
  process.send?.({})
}

process.on('message', (command: AttackerCommand) => void follow(command))
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})
process.send?.({})
