// The agent card: what an agent says of itself, and our only proof that it listens.
import type { ReconcileContext } from './context.ts'
import { z } from 'zod'
import { AGENT_CARD_PATH } from '../machines/machine-spec.ts'
import { boundedJson } from '../platform/postgres-text.ts'

/** A card as we store it: any JSON object. Both A2A lines and their extensions pass; judging them is not our business. */
export const AgentCard = boundedJson(z.record(z.string(), z.unknown()), 256 * 1024)

export type Probe = { answered: true; card: Record<string, unknown> } | { answered: false; why: string }

export const PROBE_TIMEOUT_MS = 5_000

/**
 * Asks a machine for its agent's card. An answer means that an A2A message would be answered too; everything else, from
 * a closed port to a page of HTML, means not yet.
 */
export async function probeAgent(
  services: Pick<ReconcileContext, 'fetch' | 'provisioner'>,
  machine: { app: string; machineId: string },
): Promise<Probe> {
  const { fetch, provisioner } = services
  const { url, headers } = provisioner.endpoint(machine)
  try {
    const response = await fetch(`${url}${AGENT_CARD_PATH}`, {
      headers: { ...headers, accept: 'application/json', 'accept-encoding': 'identity' },
      redirect: 'manual',
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    })
    if (response.status !== 200) {
      await response.body?.cancel()
      return { answered: false, why: `HTTP ${response.status}` }
    }
    const card = AgentCard.safeParse(await response.json())
    return card.success
      ? { answered: true, card: card.data }
      : { answered: false, why: 'its card is not a JSON object' }
  } catch (error) {
    return { answered: false, why: error instanceof Error ? error.name : 'no answer' }
  }
}
