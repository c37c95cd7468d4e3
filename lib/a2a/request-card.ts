// Requests an agent's card from its machine.
import { AGENT_CARD_PATH } from '../machines/machine-spec.ts'
import type { JsonObject } from '../platform/json-object.ts'
import { toPostgresJson } from '../platform/postgres-text.ts'
import { AgentCard } from '../reconcile/probe-agent.ts'
import type { ProxyContext } from './context.ts'
import { exchange } from './exchange.ts'
import { type CollectedAnswer, collectResponse } from './response/collect-response.ts'
import type { Route } from './route.ts'
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

/** A card, and how to print it with its numbers as they were written. */
export type LiveCard = {
  value: JsonObject
  print: (value: unknown) => string
  /** The card as it can be stored; undefined for one that cannot. */
  storable: JsonObject | undefined
}

/** @param version the caller's `A2A-Version`: an agent may have a card for each protocol line */
export async function requestCard(
  { transport }: Pick<ProxyContext, 'transport'>,
  route: Route,
  version: string | undefined,
): Promise<LiveCard | undefined> {
  for (const path of CARD_PATHS) {
    const { answer, reply } = collectResponse(MAX_CARD_BYTES)
    const request = {
      origin: route.origin,
      path,
      method: 'GET',
      headers: [
        ...route.headers,
        'accept',
        'application/json',
        'accept-encoding',
        'identity',
        ...(version === undefined ? [] : ['a2a-version', version]),
      ],
      body: undefined,
      silenceMs: CARD_SILENCE_MS,
    }
    const outcome = await exchange(request, { transport, reply, asked: { tail: '', envelope: NO_ENVELOPE } })
    if (outcome.kind !== 'answered' || outcome.status !== 200) continue
    const card = parseCard(await answer().catch(() => undefined))
    if (card !== undefined) return card
  }
  return undefined
}

function parseCard(answer: CollectedAnswer | undefined): LiveCard | undefined {
  if (answer === undefined) return undefined
  const text = new TextDecoder().decode(answer.body)
  try {
    const { print, value } = parseLossless(text)
    const card = AgentCard.safeParse(value)
    if (!card.success) return undefined
    return { value: card.data, print, storable: AgentCard.safeParse(toPostgresJson(JSON.parse(text))).data }
  } catch {
    return undefined
  }
}
