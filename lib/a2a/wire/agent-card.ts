// Agent cards as callers see them: every address is the proxy's, bindings that it does not carry are left out, and
// the required credential is the proxy's (docs/facts/a2a.md §3.2). Pure functions on plain JSON: typed codecs would
// drop unknown members.
import { changeJson, isObject, type JsonObject } from './lossless-json.ts'

export type CardOptions = {
  /** The workspace's A2A address: `<public base>/workspaces/<id>/a2a`. */
  url: string
  /** Whether the proxy requires a bearer token. */
  secured: boolean
}

/** The bindings that the proxy carries. gRPC cannot pass through HTTP/1.1 and Workers. */
const CARRIED = new Set(['JSONRPC', 'HTTP+JSON'])

/** Agents write the names in any case. */
const bindingName = (name: unknown) => (typeof name === 'string' ? name.toUpperCase() : '')

const isCarried = (name: unknown) => CARRIED.has(bindingName(name))

const SCHEME = 'workspaces'

/**
 * The card with the proxy's addresses. It may be of either protocol line or of both. What is not an address or a
 * credential stays. A signature covers the whole card, so it is removed when anything has changed.
 */
export function rewriteCard(card: JsonObject, options: CardOptions): JsonObject {
  const { signatures, ...unsigned } = card
  const rewritten = withProxyCredential(withProxyAddresses(unsigned, options.url), options)
  const isIntact = JSON.stringify(rewritten) === JSON.stringify(unsigned)
  return isIntact && signatures !== undefined ? { ...rewritten, signatures } : rewritten
}

function withProxyAddresses(card: JsonObject, url: string): JsonObject {
  const rewritten = { ...card }
  if (Object.hasOwn(card, 'url')) rewritten['url'] = url
  const preferred = card['preferredTransport']
  if (typeof preferred === 'string')
    rewritten['preferredTransport'] = isCarried(preferred) ? bindingName(preferred) : 'JSONRPC'
  for (const [list, binding] of INTERFACE_LISTS) {
    const entries = card[list]
    if (!Array.isArray(entries)) continue
    rewritten[list] = entries
      .filter((entry): entry is JsonObject => isObject(entry) && isCarried(entry[binding]))
      .map((entry) => ({ ...entry, [binding]: bindingName(entry[binding]), url }))
  }
  return rewritten
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

export type InterfacePaths = {
  /** Where JSON-RPC of each protocol line is posted, as the agent wrote it. */
  jsonRpc: { v0_3: string; v1: string }
  /** Base of the HTTP+JSON paths, without a trailing slash; undefined when the agent does not offer that binding. */
  rest: string | undefined
}

/**
 * The paths at which an agent serves its bindings, as the clients of the SDKs read them: the first interface of a
 * binding counts, and a card may have one for each protocol line. Only paths are taken from a card: the machine's
 * address is known since it was created (docs/facts/a2a.md §3.2). The proxy's own address, which Molecule's agents
 * advertise, stands for the agent's root.
 */
export function interfacePaths(card: JsonObject | null): InterfacePaths {
  const offers: { binding: string; isV1: boolean; path: string }[] = []
  const offer = (binding: unknown, url: unknown, isV1: boolean) => {
    const path = typeof url === 'string' ? pathOf(url) : undefined
    if (path !== undefined) offers.push({ binding: bindingName(binding), isV1, path })
  }
  const listOf = (name: string): JsonObject[] => {
    const entries = card?.[name]
    return Array.isArray(entries) ? entries.filter(isObject) : []
  }
  for (const { protocolBinding, protocolVersion, url } of listOf('supportedInterfaces'))
    offer(protocolBinding, url, !(typeof protocolVersion === 'string' && protocolVersion.startsWith('0')))
  if (card !== null) offer(card['preferredTransport'] ?? 'JSONRPC', card['url'], false)
  for (const { transport, url } of listOf('additionalInterfaces')) offer(transport, url, false)

  const find = (binding: string, isV1: boolean) =>
    offers.find((one) => one.binding === binding && one.isV1 === isV1)?.path
  const [v0_3, v1] = [find('JSONRPC', false), find('JSONRPC', true)]
  const rest = find('HTTP+JSON', true) ?? find('HTTP+JSON', false)
  return {
    jsonRpc: { v0_3: v0_3 ?? v1 ?? '/', v1: v1 ?? v0_3 ?? '/' },
    rest: rest?.replace(/(?<!\/)\/+$/, ''),
  }
}

const PROXY_PATH = /^.*\/workspaces\/[0-9a-f-]{36}\/a2a(?=\/|$)/i

/** Longest URL of a card that is read, in characters. */
const MAX_URL_LENGTH = 2_048

/** The path of a URL as it is written. The URL may lack its scheme, or be only a path. */
function pathOf(url: string): string | undefined {
  if (url.length > MAX_URL_LENGTH) return undefined
  const absolute = /^(?:[a-z][a-z0-9+.-]*:)?\/\//i.test(url) || url.startsWith('/') ? url : `http://${url}`
  if (!URL.canParse(absolute, 'http://agent')) return undefined
  return new URL(absolute, 'http://agent').pathname.replace(PROXY_PATH, '') || '/'
}
