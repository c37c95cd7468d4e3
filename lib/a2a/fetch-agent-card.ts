// A workspace's card for its callers: asked of the agent where it is awake, else the last one it was known by, because
// looking at a card should not start a machine (a2a.md §3.2).
import type { ProxyContext } from './context.ts'
import { AgentCard } from '../reconcile/probe-agent.ts'
import { workspaceNotFound } from '../platform/errors.ts'
import { AGENT_CARD_PATH } from '../machines/machine-spec.ts'
import { rewriteCard } from './wire/agent-card.ts'
import { collectResponse } from './response/collect-response.ts'
import { exchange } from './exchange.ts'
import { reasonNoRoute, readRoute, type Route } from './route.ts'
import { jsonRpcErrors } from './errors/error-encoder.ts'
import { NO_ENVELOPE } from './wire/json-rpc.ts'

/** How long an agent has for its card, in milliseconds: there is another one to give. */
const PATIENCE_MS = 5_000

const MAX_CARD_BYTES = 1024 * 1024

/** Where agents keep their card: the second place is that of A2A 0.2. */
const PLACES = [AGENT_CARD_PATH, '/.well-known/agent.json']

export type ServedCard = {
  card: Record<string, unknown>
  /** The agent did not answer; this is what it said before. */
  isStored: boolean
}

/**
 * @param version the caller's `A2A-Version`: agents of both lines have a card for each
 * @throws ProxyError for a workspace that is removed or has never shown a card; DomainError `not_found`
 */
export async function fetchAgentCard(
  services: ProxyContext,
  input: { id: string; version: string | undefined; publicUrl: string },
): Promise<ServedCard> {
  const { row, route } = await readRoute(services, input.id, 'look')
  if (row.status === 'removed') throw workspaceNotFound()
  const live = route === undefined ? undefined : await askForCard(services, route, input.version)
  const card = live ?? row.agentCard
  if (card === null) throw reasonNoRoute(row)
  const options = {
    url: `${input.publicUrl}/workspaces/${row.id}/a2a`,
    secured: services.config.adminTokens.length > 0,
  }
  return { card: rewriteCard(card, options), isStored: live === undefined }
}

async function askForCard(
  services: ProxyContext,
  route: Route,
  version: string | undefined,
): Promise<Record<string, unknown> | undefined> {
  for (const path of PLACES) {
    const { answer, reply } = collectResponse(MAX_CARD_BYTES)
    const outcome = await exchange({
      transport: services.transport,
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
        silenceMs: PATIENCE_MS,
      },
      reply,
      voice: jsonRpcErrors(NO_ENVELOPE),
    })
    if (outcome.kind === 'answered' && outcome.status === 200) return parseCard(answer().body)
  }
  return undefined
}

function parseCard(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const card = AgentCard.safeParse(JSON.parse(new TextDecoder().decode(body)))
    return card.success ? card.data : undefined
  } catch {
    return undefined
  }
}
