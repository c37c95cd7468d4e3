// Asks an agent for its card. A card proves that a message would be answered. Any other answer of the program proves
// that it listens, which together with its registration or heartbeat is enough.
import { z } from 'zod'
import { MAX_REDIRECTS, redirectPath } from '../egress/redirect.ts'
import { AGENT_CARD_PATH } from '../machines/machine-spec.ts'
import { BodyTooLarge, readBoundedText } from '../platform/bounded-reader.ts'
import { boundedJson, toPostgresJson } from '../platform/postgres-text.ts'
import type { MachineRef } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from './context.ts'

/** Bytes of a card, and of any other answer to a probe. */
export const MAX_CARD_BYTES = 256 * 1024

/**
 * A card as it is stored: any JSON object. Both A2A lines and their extensions are accepted; cards are not judged
 * here.
 */
export const AgentCard = boundedJson(z.record(z.string(), z.unknown()), MAX_CARD_BYTES)

/** Where agents of A2A before 0.3 serve their card (docs/facts/a2a.md §2.9). */
const OLD_CARD_PATH = '/.well-known/agent.json'

export type Probe = {
  /**
   * `card`: the agent listens. `other`: its program answered something else. `none`: nothing that comes from the
   * program; the provider's proxy answers 502 to 504 for it.
   */
  answer: 'card' | 'other' | 'none'
  card: Record<string, unknown> | undefined
  /** What was answered, in a few words. */
  detail: string
}

export const PROBE_TIMEOUT_MS = 5_000

/** Asks at the current path and, where that is not found, at the older one. */
export async function probeAgent(
  services: Pick<ReconcileContext, 'fetch' | 'provisioner'>,
  machine: MachineRef,
): Promise<Probe> {
  const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS)
  const first = await ask(services, machine, AGENT_CARD_PATH, signal)
  if (first.status !== 404) return first
  const second = await ask(services, machine, OLD_CARD_PATH, signal)
  return second.answer === 'card' ? second : first
}

async function ask(
  services: Pick<ReconcileContext, 'fetch' | 'provisioner'>,
  machine: MachineRef,
  path: string,
  signal: AbortSignal,
  redirects = 0,
): Promise<Probe & { status?: number }> {
  const not = (answer: 'other' | 'none', detail: string) => ({ answer, card: undefined, detail })
  try {
    const { url, headers } = await services.provisioner.endpoint(machine)
    const response = await services.fetch(`${url}${path}`, {
      headers: { ...headers, accept: 'application/json', 'accept-encoding': 'identity' },
      redirect: 'manual',
      signal,
    })
    const { status } = response
    if (status !== 200) {
      await response.body?.cancel()
      const location = response.headers.get('location') ?? undefined
      const moved = redirectPath({ method: 'GET', origin: url, path }, status, location)
      if (moved !== undefined && redirects < MAX_REDIRECTS)
        return await ask(services, machine, moved, signal, redirects + 1)
      return { ...not(status >= 500 ? 'none' : 'other', `HTTP ${status} at ${path}`), status }
    }
    return { ...readCard(await readBoundedText(response, MAX_CARD_BYTES), path), status }
  } catch (error) {
    if (error instanceof BodyTooLarge) return not('other', `more than ${MAX_CARD_BYTES} bytes at ${path}`)
    return not('none', signal.aborted ? `no answer within ${PROBE_TIMEOUT_MS / 1000} s` : 'no connection')
  }
}

/** Characters that cannot be stored are replaced: an agent cannot act on an error. */
function readCard(text: string, path: string): Probe {
  const other = (detail: string): Probe => ({
    answer: 'other',
    card: undefined,
    detail: `${detail} at ${path}`,
  })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return other('an answer that is not JSON')
  }
  const card = AgentCard.safeParse(toPostgresJson(json))
  if (!card.success)
    return other(`a card that cannot be stored (${card.error.issues[0]?.message ?? 'its form'})`)
  return { answer: 'card', card: card.data, detail: `a card at ${path}` }
}
