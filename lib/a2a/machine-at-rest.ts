// Proves that a request never reached its agent: its machine had been at rest since before the request was sent. Without
// the proof, a request that the Fly Proxy did not answer may have arrived, and is never sent again.
import type { MachineRest, ProxyContext } from './context.ts'
import { ProxyError } from './errors/proxy-error.ts'
import type { Route } from './route.ts'

/** How long a caller waits for the proof, in milliseconds. Fly may be slow at the same time. */
const PATIENCE_MS = 3_000

/** No machine starts or resumes, receives a request and fails it in less time, in milliseconds (docs/facts/fly.md §4.5). */
const SHORTEST_START_MS = 80

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
    // Without the provider nothing is proven.
    restingSince(services, route, services.steady()).catch(() => undefined),
    services.sleep(PATIENCE_MS, decided.signal).then(() => undefined),
  ])
  decided.abort()
  if (since === undefined || since + MARGIN_MS > sentAt) return undefined
  const { cause, facts } = error
  return new ProxyError('AGENT_UNREACHABLE', "the agent's machine was at rest", { cause, facts })
}

/**
 * One look serves all requests that had failed when it began, or failed so soon after it that the machine cannot have started in
 * between. When the answer of the provider arrived says nothing: it may be late.
 * @param failedAt steady milliseconds
 */
async function restingSince(
  services: ProxyContext,
  route: Route,
  failedAt: number,
): Promise<number | undefined> {
  const { machineRests } = services
  const key = `${route.workspaceId} ${route.machineId}`
  const isProof = (seen: MachineRest | undefined) =>
    seen !== undefined && (seen.since === undefined || failedAt <= seen.beganAt + SHORTEST_START_MS)
  const kept = machineRests.peek(key)
  if (isProof(kept)) return kept?.since
  const look = () => machineRests.load(key, () => readRest(services, route))
  // This look may be one that began earlier. The next one is not.
  const seen = await look()
  return (seen === undefined || isProof(seen) ? seen : await look())?.since
}

async function readRest(
  { provisioner, steady }: ProxyContext,
  { app, machineId, workspaceId }: Route,
): Promise<MachineRest | undefined> {
  const beganAt = steady()
  const observed = await provisioner.observe(workspaceId, app, machineId)
  if (observed.presence === 'unknown') return undefined
  const restedMs = observed.presence === 'present' ? observed.restedMs : undefined
  return { beganAt, since: restedMs === undefined ? undefined : steady() - restedMs }
}
