// Agent cards as callers see them: every address is the proxy's, bindings that it does not carry are left out, and
// the required credential is the proxy's (docs/facts/a2a.md §3.2). Pure functions on plain JSON: typed codecs would
// drop unknown members.
import { isObject, type JsonObject } from '../../platform/json-object.ts'
import { carriedBinding } from '../../reconcile/agent-interfaces.ts'
import { changeJson } from './lossless-json.ts'

export type CardOptions = {
  /** The workspace's A2A address: `<public base>/workspaces/<id>/a2a`. */
  url: string
  /** Whether the proxy requires a bearer token. */
  secured: boolean
}

const SCHEME = 'workspaces'

/**
 * The card with the proxy's addresses. It may be of either protocol line or of both. What is not an address or a
 * credential stays. A signature covers the whole card, so it is removed when anything has changed.
 */
export function rewriteCard(card: JsonObject, options: CardOptions): JsonObject {
  const { signatures, ...unsigned } = card
  const rewritten = withProxyCredential(withProxyAddresses(unsigned, options.url), options)
  if (signatures === undefined) return rewritten
  const isIntact = JSON.stringify(rewritten) === JSON.stringify(unsigned)
  return isIntact ? { ...rewritten, signatures } : rewritten
}

function withProxyAddresses(card: JsonObject, url: string): JsonObject {
  const rewritten = { ...card }
  if (Object.hasOwn(card, 'url')) rewritten['url'] = url
  for (const [list, binding] of INTERFACE_LISTS) {
    const entries = card[list]
    if (!Array.isArray(entries)) continue
    rewritten[list] = entries.filter(isObject).flatMap((entry) => {
      const name = carriedBinding(entry[binding])
      return name === undefined ? [] : [{ ...entry, [binding]: name, url }]
    })
  }
  if (typeof card['preferredTransport'] === 'string') rewritten['preferredTransport'] = preferredOf(card)
  return rewritten
}

/** The binding of `url` in a 0.3 card: the agent's own, or else the first further one that is carried. */
function preferredOf(card: JsonObject): string {
  const further = Array.isArray(card['additionalInterfaces'])
    ? card['additionalInterfaces'].filter(isObject)
    : []
  const names = [card['preferredTransport'], ...further.map(({ transport }) => transport)]
  return names.map(carriedBinding).find((name) => name !== undefined) ?? 'JSONRPC'
}

/** The list of further addresses in each protocol line, and its name for the binding. */
const INTERFACE_LISTS = [
  ['additionalInterfaces', 'transport'],
  ['supportedInterfaces', 'protocolBinding'],
] as const

const CREDENTIALS = ['securitySchemes', 'security', 'securityRequirements'] as const

// Callers authenticate at the proxy, and the proxy at the agent, so the agent's own requirements do not apply to
// them.
function withProxyCredential(card: JsonObject, { secured }: CardOptions): JsonObject {
  const rewritten = { ...card }
  for (const name of CREDENTIALS) delete rewritten[name]
  if (Array.isArray(card['skills'])) {
    rewritten['skills'] = card['skills'].map((skill: unknown) => {
      if (!isObject(skill)) return skill
      const { security: _security, securityRequirements: _requirements, ...rest } = skill
      return rest
    })
  }
  if (!secured) return rewritten
  const is1_0 = Array.isArray(card['supportedInterfaces'])
  const is0_3 = Object.hasOwn(card, 'url') || !is1_0
  const isProto = usesProtoShape(card)
  // A card of both lines has both shapes of the scheme. `securityRequirements` is left out, because a2a-go cannot parse it.
  const scheme = {
    ...(is0_3 && !isProto ? { type: 'http', scheme: 'bearer' } : {}),
    ...(is1_0 || isProto ? { httpAuthSecurityScheme: { scheme: 'bearer' } } : {}),
  }
  const requirement = isProto ? { schemes: { [SCHEME]: { list: [] } } } : { [SCHEME]: [] }
  return {
    ...rewritten,
    securitySchemes: { [SCHEME]: scheme },
    ...(is0_3 ? { security: [requirement] } : {}),
  }
}

/** Whether a 0.3 card names its own security as the protobuf of 0.3 does, which some agents use on the HTTP+JSON binding. */
function usesProtoShape(card: JsonObject): boolean {
  const { security, securitySchemes } = card
  if (Array.isArray(card['supportedInterfaces'])) return false
  const schemes = isObject(securitySchemes) ? Object.values(securitySchemes).filter(isObject) : []
  return (
    schemes.some((scheme) => Object.keys(scheme).some((name) => name.endsWith('SecurityScheme'))) ||
    (Array.isArray(security) && security.some((entry) => isObject(entry) && isObject(entry['schemes'])))
  )
}

/** Rewrites the extended card in a JSON-RPC result or a whole body. A body without a card is returned unchanged. */
export function rewriteExtendedCard(
  body: string,
  binding: 'json-rpc' | 'rest',
  options: CardOptions,
): string {
  return changeJson(body, (value) => {
    if (!isObject(value)) return undefined
    if (binding === 'rest') return isCard(value) ? rewriteCard(value, options) : undefined
    const { result } = value
    return isObject(result) && isCard(result) ? { ...value, result: rewriteCard(result, options) } : undefined
  })
}

const isCard = (value: JsonObject) =>
  Object.hasOwn(value, 'name') && (Object.hasOwn(value, 'url') || Object.hasOwn(value, 'supportedInterfaces'))
