// Agent cards as callers see them: every address is ours, bindings that we do not carry are left out, and the credential
// asked for is the one our door wants (a2a.md §3.2). Pure, and on plain JSON: typed codecs would drop what they don't know.
import { changeJson, isObject, type JsonObject } from './lossless-json.ts'

export type CardOptions = {
  /** The address of the workspace's A2A door: `<public base>/workspaces/<id>/a2a`. */
  url: string
  /** Whether our door demands a bearer token. */
  secured: boolean
  /** How 0.3 writes a credential: its HTTP+JSON binding has the words of its protobuf, which are those of 1.0 too. */
  shape?: 'json' | 'proto'
}

/** Both bindings that the proxy carries; gRPC cannot pass through HTTP/1.1 and Workers. */
const CARRIED = new Set(['JSONRPC', 'HTTP+JSON'])

const SCHEME = 'workspaces'

/**
 * The card with our addresses. Cards of both lines and hybrids of them are understood; what is not an address or a
 * credential stays. A signature covers the whole card, so it goes when anything has changed.
 */
export function rewriteCard(card: JsonObject, options: CardOptions): JsonObject {
  const { signatures, ...unsigned } = card
  const rewritten = withOurCredential(withOurAddresses(unsigned, options.url), options)
  const isIntact = JSON.stringify(rewritten) === JSON.stringify(unsigned)
  return isIntact && signatures !== undefined ? { ...rewritten, signatures } : rewritten
}

function withOurAddresses(card: JsonObject, url: string): JsonObject {
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

/** Where each line keeps its further addresses, and what it calls the binding. */
const INTERFACE_LISTS = [
  ['additionalInterfaces', 'transport'],
  ['supportedInterfaces', 'protocolBinding'],
] as const

const CREDENTIALS = ['securitySchemes', 'security', 'securityRequirements'] as const

// Callers prove themselves to us and we to the agent, so what the agent would ask of them does not concern them.
function withOurCredential(card: JsonObject, { secured, shape = 'json' }: CardOptions): JsonObject {
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

/** The extended card inside a JSON-RPC result or as a whole body; anything that holds no card is left as it is. */
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
 * The paths below which an agent serves its bindings. Only paths are taken from a card: where the machine is, we know from
 * having made it (a2a.md §3.2). An address of ours, which Molecule's agents advertise, stands for the agent's root.
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

const OUR_DOOR = /^.*\/workspaces\/[0-9a-f-]{36}\/a2a/i

function pathOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  return new URL(url).pathname.replace(OUR_DOOR, '').replace(/\/+$/, '')
}
