// Where an agent serves A2A, as its card says: the bindings that can be reached over HTTP, and their paths. Only paths
// are taken from a card: the machine's address is known since it was created (docs/facts/a2a.md §3.2).
import { isObject, type JsonObject } from '../platform/json-object.ts'

/** The bindings that the proxy carries. gRPC cannot pass through HTTP/1.1 and Workers. */
export type CarriedBinding = 'JSONRPC' | 'HTTP+JSON'

/** The standard names by what agents write: in any case, and with other separators. */
const NAMES: Record<string, CarriedBinding | 'GRPC'> = {
  JSONRPC: 'JSONRPC',
  HTTPJSON: 'HTTP+JSON',
  REST: 'HTTP+JSON',
  GRPC: 'GRPC',
}

function standardName(name: unknown): CarriedBinding | 'GRPC' | undefined {
  if (typeof name !== 'string' || name.length > 100) return undefined
  const letters = name.toUpperCase().replaceAll(/[^A-Z]/g, '')
  return Object.hasOwn(NAMES, letters) ? NAMES[letters] : undefined
}

/** @returns the standard name of a binding that the proxy carries */
export function carriedBinding(name: unknown): CarriedBinding | undefined {
  const standard = standardName(name)
  return standard === 'GRPC' ? undefined : standard
}

/** The path of each protocol line. */
type Paths = { v0_3: string; v1: string }

/** Undefined: the agent does not offer the binding. */
export type InterfacePaths = {
  /** Where JSON-RPC is posted, with the query of the address, as the agent wrote it. */
  jsonRpc: Paths | undefined
  /** Base of the HTTP+JSON paths, without a trailing slash. */
  rest: Paths | undefined
  /** The card offers JSON-RPC in 1.0 and not in 0.3. */
  isOnlyV1: boolean
}

type Offer = { binding: CarriedBinding | 'GRPC'; isV1: boolean; url: URL }

/**
 * The paths of an agent's interfaces, as the clients of the SDKs read them: the first interface of a binding counts,
 * and a card may have one for each protocol line. The proxy's own address, which Molecule's agents advertise, stands
 * for the agent's root. A card without a usable interface, or no card, means JSON-RPC at the root.
 */
export function interfacePaths(card: JsonObject | null): InterfacePaths {
  const offers = card === null ? [] : offersOf(card)
  const find = (binding: CarriedBinding, print: (url: URL) => string): Paths | undefined => {
    const [v0_3, v1] = [false, true].map(
      (isV1) => offers.find((one) => one.binding === binding && one.isV1 === isV1)?.url,
    )
    const [first, second] = [v0_3 ?? v1, v1 ?? v0_3]
    return first && second && { v0_3: print(first), v1: print(second) }
  }
  const rest = find('HTTP+JSON', (url) => ownPath(url).replace(/(?<!\/)\/+$/, ''))
  const jsonRpc = find('JSONRPC', (url) => `${ownPath(url)}${url.search}`)
  const lines = offers.filter(({ binding }) => binding === 'JSONRPC').map(({ isV1 }) => isV1)
  return {
    jsonRpc: offers.length === 0 ? { v0_3: '/', v1: '/' } : jsonRpc,
    rest,
    isOnlyV1: lines.length > 0 && !lines.includes(false),
  }
}

/** Whether a card has an interface that HTTP reaches. Without a usable interface it may have one. */
export function isReachableByHttp(card: JsonObject | null): boolean {
  const { jsonRpc, rest } = interfacePaths(card)
  return jsonRpc !== undefined || rest !== undefined
}

function offersOf(card: JsonObject): Offer[] {
  const offers: Offer[] = []
  const offer = (name: unknown, address: unknown, isV1: boolean) => {
    const [binding, url] = [standardName(name), urlOf(address)]
    if (binding !== undefined && url !== undefined) offers.push({ binding, isV1, url })
  }
  const listOf = (name: string): JsonObject[] => {
    const entries = card[name]
    return Array.isArray(entries) ? entries.filter(isObject) : []
  }
  for (const { protocolBinding, protocolVersion, url } of listOf('supportedInterfaces'))
    offer(protocolBinding, url, !isBefore1(protocolVersion))
  offer(card['preferredTransport'] ?? 'JSONRPC', card['url'], false)
  for (const { transport, url } of listOf('additionalInterfaces')) offer(transport, url, false)
  return offers
}

const isBefore1 = (version: unknown) =>
  (typeof version === 'string' || typeof version === 'number') && /^\s*v?0/i.test(String(version))

/** Longest URL of a card that is read, in characters. */
const MAX_URL_LENGTH = 2_048

/** A URL may lack its scheme, or be only a path. */
function urlOf(address: unknown): URL | undefined {
  if (typeof address !== 'string' || address.length > MAX_URL_LENGTH) return undefined
  const text = address.trim()
  if (text === '') return undefined
  const absolute =
    /^(?:[a-z][a-z0-9+.-]*:)?\/\//i.test(text) || text.startsWith('/') ? text : `http://${text}`
  return URL.canParse(absolute, 'http://agent') ? new URL(absolute, 'http://agent') : undefined
}

const PROXY_PATH = /^.*\/workspaces\/[0-9a-f-]{36}\/a2a(?=\/|$)/i

const ownPath = ({ pathname }: URL) => pathname.replace(PROXY_PATH, '') || '/'
