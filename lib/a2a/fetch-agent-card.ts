// The card of a workspace as its callers see it: requested from the agent while it is awake, else the last stored
// card, because reading a card should not start a machine (docs/facts/a2a.md §3.2).
import { AGENT_CARD_PATH } from '../machines/machine-spec.ts'
import { workspaceNotFound } from '../platform/errors.ts'
import { AgentCard } from '../reconcile/probe-agent.ts'
import type { ProxyContext } from './context.ts'
import { jsonRpcErrors } from './errors/error-encoder.ts'
import { exchange } from './exchange.ts'
import { type CollectedAnswer, collectResponse } from './response/collect-response.ts'
import { noRouteError, readRoute, type Route } from './route.ts'
import { rewriteCard } from './wire/agent-card.ts'
import { NO_ENVELOPE } from './wire/json-rpc.ts'
import { parseLossless } from './wire/lossless-json.ts'

/**
 * Longest silence of an agent that is asked for its card, in milliseconds. Short, because the stored card can be
 * served.
 */
const CARD_SILENCE_MS = 5_000

const MAX_CARD_BYTES = 1024 * 1024

/** Where agents serve their card: A2A 0.2 used the second path. */
const CARD_PATHS = [AGENT_CARD_PATH, '/.well-known/agent.json']

export type ServedCard = {
  /** The card as JSON. */
  body: string
  /** The agent does not answer; this is its last known card. */
  isStored: boolean
}

/**
 * @param version the caller's `A2A-Version`: an agent may have a card for each protocol line
 * @throws ProxyError for a workspace that has no card yet; DomainError `not_found`, also for one that is removed
 */
export async function fetchAgentCard(
  services: Pick<ProxyContext, 'config' | 'db' | 'now' | 'provisioner' | 'transport'>,
  input: { id: string; version: string | undefined; publicUrl: string },
): Promise<ServedCard> {
  const { row, route } = await readRoute(services, input.id, 'look')
  if (row.status === 'removed') throw workspaceNotFound()
  const live = route === undefined ? undefined : await requestCard(services, route, input.version)
  const card = live?.value ?? row.agentCard
  if (card === null) throw noRouteError(row)
  const options = {
    url: `${input.publicUrl}/workspaces/${row.id}/a2a`,
    secured: services.config.adminTokens.length > 0,
  }
  const rewritten = rewriteCard(card, options)
  return { body: live?.print(rewritten) ?? JSON.stringify(rewritten), isStored: live === undefined }
}

async function requestCard(
  { transport }: Pick<ProxyContext, 'transport'>,
  route: Route,
  version: string | undefined,
): Promise<LosslessCard | undefined> {
  for (const path of CARD_PATHS) {
    const { answer, reply } = collectResponse(MAX_CARD_BYTES)
    const outcome = await exchange({
      transport,
      request: {
        origin: route.origin,
        path,
        method: 'GET',
        headers: {
          ...route.headers,
          accept: 'application/json',
          'accept-encoding': 'identity',
          ...(version === undefined ? {} : { 'a2a-version': version }),
        },
        body: undefined,
        silenceMs: CARD_SILENCE_MS,
      },
      reply,
      errors: jsonRpcErrors(NO_ENVELOPE),
    })
    if (outcome.kind !== 'answered' || outcome.status !== 200) continue
    const card = parseCard(await answer().catch(() => undefined))
    if (card !== undefined) return card
  }
  return undefined
}

type LosslessCard = { value: Record<string, unknown>; print: (value: unknown) => string }

function parseCard(answer: CollectedAnswer | undefined): LosslessCard | undefined {
  if (answer === undefined) return undefined
  try {
    const { print, value } = parseLossless(new TextDecoder().decode(answer.body))
    const card = AgentCard.safeParse(value)
    return card.success ? { value: card.data, print } : undefined
  } catch {
    return undefined
  }
}
