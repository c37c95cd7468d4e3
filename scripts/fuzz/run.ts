// Runs the requests of a seed, a few at a time, checks every answer, and finally removes all workspaces and checks that no
// machine is left.
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { ADMIN_TOKEN, type FuzzServer } from './server.ts'
import {
  type ApiDescription,
  type CallerKind,
  type FuzzRequest,
  requestsOf,
  SOME_WORKSPACE,
} from './requests.ts'

const AT_ONCE = 6
const BATCH = 120

/** The number of workspaces before each batch. */
const WORKSPACES = 6

/** A request that takes longer hangs, in milliseconds. */
const ANSWER_TIMEOUT_MS = 20_000

export type Report = {
  requests: number
  /** The number of answers by operation and status. */
  statuses: Map<string, Map<number, number>>
  violations: string[]
}

type Credentials = Record<CallerKind, string | undefined>

export async function runFuzz(
  server: FuzzServer,
  options: { requests: number; seed: number; onProgress: (line: string) => void },
): Promise<Report> {
  const { requests, onProgress, seed } = options
  const report: Report = { requests: 0, statuses: new Map(), violations: [] }
  const unhandled = (error: unknown) =>
    void report.violations.push(`an unhandled rejection: ${String(error)}`)
  process.on('unhandledRejection', unhandled)
  try {
    const description = (await (await fetch(`${server.url}/openapi.json`)).json()) as ApiDescription
    const arbitrary = requestsOf(description)
    for (let batch = 0; report.requests < requests; batch++) {
      const { credentials, workspaces } = await refresh(server)
      const numRuns = Math.min(BATCH, requests - report.requests)
      const queue = fc.sample(arbitrary, { seed: seed + batch, numRuns })
      const work = async () => {
        for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
          await send(server, report, next, credentials, workspaces)
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, work))
      await server.runPasses()
      for (const error of server.loggedErrors.splice(0))
        report.violations.push(`batch ${batch} logged: ${error}`)
      onProgress(`${report.requests} requests, ${report.violations.length} violations`)
    }
    await removeAll(server, report)
    return report
  } finally {
    process.off('unhandledRejection', unhandled)
  }
}

const admin = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' }

async function call<Body>(server: FuzzServer, method: string, path: string, body?: unknown): Promise<Body> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { ...admin, prefer: 'wait=5' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (response.status === 429 || response.status >= 500) {
    throw new Error(`${method} ${path} got ${response.status} between two batches: ${text}`)
  }
  return JSON.parse(text) as Body
}

/** Creates missing workspaces and new tokens, because earlier requests may have deleted them. */
async function refresh(server: FuzzServer): Promise<{ workspaces: string[]; credentials: Credentials }> {
  const all = await call<{ id: string }[]>(server, 'GET', '/workspaces?limit=1000')
  await removeWorkspaces(server, all.slice(WORKSPACES))
  const create = () =>
    call<{ id: string }>(server, 'POST', '/workspaces', { name: 'fuzzed', runtime: 'hermes' })
  const kept = all.slice(0, WORKSPACES)
  const made = await Promise.all(Array.from({ length: WORKSPACES - kept.length }, create))
  const workspaces = [...kept, ...made].map(({ id }) => id)
  for (const { id } of await call<{ id: string }[]>(server, 'GET', '/tokens')) {
    await call(server, 'DELETE', `/tokens/${id}`)
  }
  const token = async (scope: string) =>
    (await call<{ token: string }>(server, 'POST', '/tokens', { name: scope, scopes: [scope] })).token
  const [first = ''] = workspaces
  const tokens = await call<{ tokens: { id: string }[] }>(
    server,
    'GET',
    `/workspaces/${first}/tokens?limit=200`,
  )
  for (const { id } of tokens.tokens.slice(20))
    await call(server, 'DELETE', `/workspaces/${first}/tokens/${id}`)
  const issued = await call<{ auth_token: string }>(server, 'POST', `/workspaces/${first}/tokens`)
  const [operate, read] = [await token('operate'), await token('read')]
  return {
    workspaces,
    credentials: {
      admin: ADMIN_TOKEN,
      operate,
      read,
      workspace: issued.auth_token,
      anonymous: undefined,
      invalid: 'invalid',
    },
  }
}

async function send(
  server: FuzzServer,
  report: Report,
  drawn: FuzzRequest,
  credentials: Credentials,
  workspaces: string[],
): Promise<void> {
  report.requests++
  let turn = report.requests
  const some = (text: string) =>
    text.replaceAll(SOME_WORKSPACE, () => workspaces[turn++ % workspaces.length] ?? '')
  const token = credentials[drawn.caller]
  const path = some(drawn.path)
  const headers: Record<string, string> = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...drawn.headers,
  }
  const isBodiless = drawn.method === 'GET' || drawn.method === 'HEAD'
  const body = isBodiless || drawn.body === undefined ? undefined : some(drawn.body)
  const addViolation = (what: string) =>
    report.violations.push(`${what}\n    ${asCurl(drawn.method, path, headers, body)}`)
  try {
    const response = await fetch(`${server.url}${path}`, {
      method: drawn.method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      ...(body === undefined ? {} : { body }),
    })
    const text = await response.text()
    const counts = report.statuses.get(drawn.operationId) ?? new Map<number, number>()
    report.statuses.set(
      drawn.operationId,
      counts.set(response.status, (counts.get(response.status) ?? 0) + 1),
    )
    const invalid = problemOf(drawn.method, path, response, text)
    if (invalid !== undefined) addViolation(`${drawn.operationId} ${invalid}`)
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : ''
    addViolation(`${drawn.operationId} did not answer: ${String(error)}${cause}`)
  }
}

const A2A = /^\/workspaces\/[^/]+\/a2a(\/(?!\.well-known\/)|$|\?)/

/** @returns the problem, in words */
function problemOf(method: string, path: string, response: Response, text: string): string | undefined {
  const { status } = response
  if (status < 400 || method === 'HEAD') return status >= 500 ? `got ${status}` : undefined
  const excerpt = text.slice(0, 300)
  let body: Record<string, unknown>
  try {
    body = JSON.parse(text) as Record<string, unknown>
  } catch {
    // Refused by the HTTP parser, or a method that the A2A route does not have.
    return status === 431 || (A2A.test(path) && status === 405)
      ? undefined
      : `got ${status} and no JSON: ${excerpt}`
  }
  // Errors of an agent pass unchanged; an error of the server has a reason.
  if (A2A.test(path)) return text.includes('"INTERNAL"') ? `got ${status}: ${excerpt}` : undefined
  if (status >= 500 && !(status === 503 && body['code'] !== 'internal')) return `got ${status}: ${excerpt}`
  const isProblem =
    response.headers.get('content-type') === 'application/problem+json' &&
    typeof body['code'] === 'string' &&
    typeof body['error'] === 'string' &&
    typeof body['request_id'] === 'string'
  return isProblem ? undefined : `got ${status} and no problem document: ${excerpt}`
}

/** A command for a shell. */
function asCurl(
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | undefined,
): string {
  const quote = (text: string) => `'${text.slice(0, 2_000).replaceAll("'", String.raw`'\''`)}'`
  const excerpt = Object.entries(headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`)
  return [
    'curl',
    '-X',
    method,
    quote(`$URL${path}`),
    ...excerpt,
    ...(body === undefined ? [] : ['-d', quote(body)]),
  ].join(' ')
}

const removeWorkspaces = (server: FuzzServer, workspaces: { id: string }[]) =>
  Promise.all(workspaces.map(({ id }) => call(server, 'DELETE', `/workspaces/${id}?confirm=true`)))

async function removeAll(server: FuzzServer, report: Report): Promise<void> {
  for (let round = 0; round < 100; round++) {
    const all = await call<{ id: string }[]>(server, 'GET', '/workspaces?limit=1000')
    await removeWorkspaces(server, all)
    await server.runPasses()
    if (all.length === 0 && server.machines().length === 0) return
    await delay(200)
  }
  report.violations.push(`${server.machines().length} machines are left although every workspace was removed`)
}
