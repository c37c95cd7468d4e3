// Proves that a request never reached its agent: its machine had been at rest since before the request was sent. Without
// the proof, a request that the Fly Proxy did not answer may have arrived, and is never sent again.
import { and, eq } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import type { MachineRest, ProxyContext } from './context.ts'
import { ProxyError } from './errors/proxy-error.ts'
import type { Route } from './route.ts'

/** How long a caller waits for the proof, in milliseconds. Fly may be slow at the same time. */
const PATIENCE_MS = 3_000

/** No machine starts or resumes, receives a request and fails it in less time, in milliseconds (docs/facts/fly.md §4.5). */
const SHORTEST_START_MS = 100

/** Tolerance between the clocks of the provider's servers, in milliseconds. */
const MARGIN_MS = 2_000

/**
 * @param sentAt steady milliseconds
 * @returns the error of a request that certainly was not delivered; undefined without a proof
 */
export async function errorIfAtRest(
  services: ProxyContext,
  route: Route,
  error: ProxyError,
  sentAt: number,
): Promise<ProxyError | undefined> {
  if (error.delivered !== 'unknown' || error.reason === 'INVALID_AGENT_RESPONSE') return undefined
  const decided = new AbortController()
  const since = await Promise.race([
    // Without the database or the provider nothing is proven.
    restingSince(services, route).catch(() => undefined),
    services.sleep(PATIENCE_MS, decided.signal).then(() => undefined),
  ])
  decided.abort()
  if (since === undefined || since + MARGIN_MS > sentAt) return undefined
  const { cause, facts } = error
  return new ProxyError('AGENT_UNREACHABLE', "the agent's machine was at rest", { cause, facts })
}

/** Reads the machine after the failure: one look serves all requests that fail meanwhile. */
async function restingSince(services: ProxyContext, route: Route): Promise<number | undefined> {
  const { machineRests, steady } = services
  const seen = machineRests.peek(route.workspaceId)
  if (seen !== undefined && (seen.since === undefined || steady() <= seen.endedAt + SHORTEST_START_MS))
    return seen.since
  return (await machineRests.load(route.workspaceId, () => readRest(services, route)))?.since
}

async function readRest(
  { db, provisioner, steady }: ProxyContext,
  { generation, workspaceId }: Route,
): Promise<MachineRest | undefined> {
  const [row] = await db
    .select({ app: workspaces.app, machineId: workspaces.machineId })
    .from(workspaces)
    .where(and(eq(workspaces.id, workspaceId), eq(workspaces.generation, generation)))
  if (row === undefined || row.app === null || row.machineId === null) return undefined
  const observed = await provisioner.observe(workspaceId, row.app, row.machineId)
  if (observed.presence === 'unknown') return undefined
  const restedMs = observed.presence === 'present' ? observed.restedMs : undefined
  const endedAt = steady()
  return { endedAt, since: restedMs === undefined ? undefined : endedAt - restedMs }
}
