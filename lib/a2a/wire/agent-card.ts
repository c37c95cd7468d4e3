// Agent cards as callers see them: every address is the proxy's, bindings that it does not carry are left out, and
// the required credential is the proxy's (docs/facts/a2a.md §3.2). Pure functions on plain JSON: typed codecs would
// drop unknown members.
import { changeJson, isObject, type JsonObject } from './lossless-json.ts'

export type CardOptions = {
  /** The workspace's A2A address: `<public base>/workspaces/<id>/a2a`. */
  url: string
  /** Whether the proxy requires a bearer token. */
  secured: boolean
  /** How a 0.3 card writes a credential: its HTTP+JSON binding uses the names of its protobuf, which 1.0 shares. */
  shape?: 'json' | 'proto'
}

/** The bindings that the proxy carries. gRPC cannot pass through HTTP/1.1 and Workers. */
const CARRIED = new Set(['JSONRPC', 'HTTP+JSON'])

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
  if (typeof preferred === 'string' && !CARRIED.has(preferred)) rewritten['preferredTransport'] = 'JSONRPC'
  for (const [list, binding] of INTERFACE_LISTS) {
    const entries = card[list]
    if (!Array.isArray(entries)) continue
    rewritten[list] = entries
      .filter((entry): entry is JsonObject => isObject(entry) && CARRIED.has(String(entry[binding])))
      .map((entry) => ({ ...entry, url }))
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
function withProxyCredential(card: JsonObject, { secured, shape = 'json' }: CardOptions): JsonObject {
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
  const asProto = { schemes: { [SCHEME]: { list: [] } } }
  return {
    ...rewritten,
    securitySchemes: {
      [SCHEME]:
        is0_3 && shape === 'json'
          ? { type: 'http', scheme: 'bearer' }
          : { httpAuthSecurityScheme: { scheme: 'bearer' } },
    },
    ...(is0_3 ? { security: [shape === 'json' ? { [SCHEME]: [] } : asProto] } : {}),
    ...(is1_0 ? { securityRequirements: [asProto] } : {}),
  }
}

/** Rewrites the extended card in a JSON-RPC result or a whole body. A body without a card is returned unchanged. */
export function rewriteExtendedCard(
  body: string,
  binding: 'json-rpc' | 'rest',
  options: CardOptions,
): string {
  return changeJson(body, (value) => {
    if (!isObject(value)) return undefined
    if (binding === 'rest')
      return isCard(value) ? rewriteCard(value, { ...options, shape: 'proto' }) : undefined
    const { result } = value
    return isObject(result) && isCard(result) ? { ...value, result: rewriteCard(result, options) } : undefined
  })
}

const isCard = (value: JsonObject) =>
  Object.hasOwn(value, 'name') && (Object.hasOwn(value, 'url') || Object.hasOwn(value, 'supportedInterfaces'))

export type InterfacePaths = {
  /** Where JSON-RPC is posted. */
  jsonRpc: string
  /** Base of the HTTP+JSON paths, without a trailing slash; undefined when the agent does not offer that binding. */
  rest: string | undefined
}

/**
 * The paths below which an agent serves its bindings. Only paths are taken from a card: the machine's address is
 * known since it was created (docs/facts/a2a.md §3.2). The proxy's own address, which Molecule's agents advertise,
 * stands for the agent's root.
 */
export function interfacePaths(card: JsonObject | null): InterfacePaths {
  if (card === null) return { jsonRpc: '/', rest: undefined }
  const found = new Map<string, string>()
  const offer = (binding: unknown, url: unknown) => {
    if (typeof binding === 'string' && typeof url === 'string' && !found.has(binding)) {
      const path = pathOf(url)
      if (path !== undefined) found.set(binding, path)
    }
  }
  for (const [list, binding] of INTERFACE_LISTS) {
    const entries = card[list]
    if (Array.isArray(entries))
      for (const entry of entries) if (isObject(entry)) offer(entry[binding], entry['url'])
  }
  offer(card['preferredTransport'] ?? 'JSONRPC', card['url'])
  return { jsonRpc: found.get('JSONRPC') || '/', rest: found.get('HTTP+JSON') }
}

const PROXY_PATH = /^.*\/workspaces\/[0-9a-f-]{36}\/a2a/i

function pathOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  return new URL(url).pathname.replace(PROXY_PATH, '').replace(/(?<!\/)\/+$/, '')
}
