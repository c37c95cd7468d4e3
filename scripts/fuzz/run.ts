// A run: requests by the seed, a few at a time; what must never come back; and at the end, with everything removed, whether a
// machine is left.
import fc from 'fast-check'
import { ADMIN_TOKEN, type Plane } from './server.ts'
import {
  type ApiDescription,
  type CallerKind,
  type FuzzRequest,
  requestsOf,
  SOME_WORKSPACE,
} from './requests.ts'

const AT_ONCE = 6
const BATCH = 120

/** Workspaces that are there, about. */
const KEPT = 6

/** A request that takes longer hangs, in milliseconds. Waits are asked for by the second. */
const PATIENCE_MS = 20_000

export type Report = {
  requests: number
  /** How often each status came, by operation. */
  statuses: Map<string, Map<number, number>>
  violations: string[]
}

type Credentials = Record<CallerKind, string | undefined>

export async function runFuzz(
  plane: Plane,
  options: { requests: number; seed: number; say: (line: string) => void },
): Promise<Report> {
  const { requests, say, seed } = options
  const report: Report = { requests: 0, statuses: new Map(), violations: [] }
  const unhandled = (error: unknown) =>
    void report.violations.push(`an unhandled rejection: ${String(error)}`)
  process.on('unhandledRejection', unhandled)
  try {
    const description = (await (await fetch(`${plane.url}/openapi.json`)).json()) as ApiDescription
    const arbitrary = requestsOf(description)
    for (let batch = 0; report.requests < requests; batch++) {
      const { credentials, workspaces } = await refresh(plane)
      const numRuns = Math.min(BATCH, requests - report.requests)
      const queue = fc.sample(arbitrary, { seed: seed + batch, numRuns })
      const work = async () => {
        for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
          await send(plane, report, next, credentials, workspaces)
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, work))
      await plane.beat()
      for (const mistake of plane.mistakes.splice(0))
        report.violations.push(`batch ${batch} logged: ${mistake}`)
      say(`${report.requests} requests, ${report.violations.length} violations`)
    }
    await removeAll(plane, report)
    return report
  } finally {
    process.off('unhandledRejection', unhandled)
  }
}

const admin = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' }

async function call<Body>(plane: Plane, method: string, path: string, body?: unknown): Promise<Body> {
  const response = await fetch(`${plane.url}${path}`, {
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

/** Some workspaces, and tokens that open something: the requests before may have ended any of them. */
async function refresh(plane: Plane): Promise<{ workspaces: string[]; credentials: Credentials }> {
  const all = await call<{ id: string }[]>(plane, 'GET', '/workspaces?limit=1000')
  for (const { id } of all.slice(KEPT)) await call(plane, 'DELETE', `/workspaces/${id}?confirm=true`)
  const workspaces = all.slice(0, KEPT).map(({ id }) => id)
  while (workspaces.length < KEPT) {
    workspaces.push(
      (await call<{ id: string }>(plane, 'POST', '/workspaces', { name: 'kept', runtime: 'hermes' })).id,
    )
  }
  for (const { id } of await call<{ id: string }[]>(plane, 'GET', '/tokens')) {
    await call(plane, 'DELETE', `/tokens/${id}`)
  }
  const token = async (scope: string) =>
    (await call<{ token: string }>(plane, 'POST', '/tokens', { name: scope, scopes: [scope] })).token
  const [first = ''] = workspaces
  const tokens = await call<{ tokens: { id: string }[] }>(
    plane,
    'GET',
    `/workspaces/${first}/tokens?limit=200`,
  )
  for (const { id } of tokens.tokens.slice(20))
    await call(plane, 'DELETE', `/workspaces/${first}/tokens/${id}`)
  const own = await call<{ auth_token: string }>(plane, 'POST', `/workspaces/${first}/tokens`)
  const [operate, read] = [await token('operate'), await token('read')]
  return {
    workspaces,
    credentials: {
      admin: ADMIN_TOKEN,
      operate,
      read,
      workspace: own.auth_token,
      nobody: undefined,
      wrong: 'wrong',
    },
  }
}

async function send(
  plane: Plane,
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
  const tell = (what: string) =>
    report.violations.push(`${what}\n    ${asCurl(drawn.method, path, headers, body)}`)
  try {
    const response = await fetch(`${plane.url}${path}`, {
      method: drawn.method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...(body === undefined ? {} : { body }),
    })
    const text = await response.text()
    const counts = report.statuses.get(drawn.operationId) ?? new Map<number, number>()
    report.statuses.set(
      drawn.operationId,
      counts.set(response.status, (counts.get(response.status) ?? 0) + 1),
    )
    const wrong = wrongWith(drawn.method, path, response, text)
    if (wrong !== undefined) tell(`${drawn.operationId} ${wrong}`)
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : ''
    tell(`${drawn.operationId} did not answer: ${String(error)}${cause}`)
  }
}

const A2A = /^\/workspaces\/[^/]+\/a2a(\/(?!\.well-known\/)|$|\?)/

/** @returns what must not be, in words */
function wrongWith(method: string, path: string, response: Response, text: string): string | undefined {
  const { status } = response
  if (status < 400 || method === 'HEAD') return status >= 500 ? `got ${status}` : undefined
  const said = text.slice(0, 300)
  let body: Record<string, unknown>
  try {
    body = JSON.parse(text) as Record<string, unknown>
  } catch {
    // Refused by the HTTP parser, before there was a request; or a method that A2A does not have.
    return status === 431 || (A2A.test(path) && status === 405)
      ? undefined
      : `got ${status} and no JSON: ${said}`
  }
  // An agent's own error is its own; ours has a reason.
  if (A2A.test(path)) return text.includes('"INTERNAL"') ? `got ${status}: ${said}` : undefined
  if (status >= 500 && !(status === 503 && body['code'] !== 'internal')) return `got ${status}: ${said}`
  const isProblem =
    response.headers.get('content-type') === 'application/problem+json' &&
    typeof body['code'] === 'string' &&
    typeof body['error'] === 'string' &&
    typeof body['request_id'] === 'string'
  return isProblem ? undefined : `got ${status} and no problem document: ${said}`
}

/** Something that can be pasted into a shell. */
function asCurl(
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | undefined,
): string {
  const quote = (text: string) => `'${text.slice(0, 2_000).replaceAll("'", String.raw`'\''`)}'`
  const said = Object.entries(headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`)
  return [
    'curl',
    '-X',
    method,
    quote(`$URL${path}`),
    ...said,
    ...(body === undefined ? [] : ['-d', quote(body)]),
  ].join(' ')
}

async function removeAll(plane: Plane, report: Report): Promise<void> {
  for (let round = 0; round < 100; round++) {
    const all = await call<{ id: string }[]>(plane, 'GET', '/workspaces?limit=1000')
    for (const { id } of all) await call(plane, 'DELETE', `/workspaces/${id}?confirm=true`)
    await plane.beat()
    if (all.length === 0 && plane.machines().length === 0) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  report.violations.push(`${plane.machines().length} machines are left although every workspace was removed`)
}
