// PUBLIC_URL: where agents call home. Only a machine could tell for certain; from here it can be said whether it is an address
// that a machine cannot have a way to, and whether this very control plane answers there.
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { VERSION } from '../../functions/http/version.ts'
import { readControlPlaneId } from '../../lib/platform/control-plane-id.ts'
import { sweepAge } from '../../lib/control-plane/readiness.ts'
import { type Finding, ok, sentenceOf, warning, wrong } from './finding.ts'
import type { Place } from './place.ts'

const SET = 'export PUBLIC_URL=https://…   # where the internet reaches this server'

/** Names that stand in for one. */
const PLACEHOLDER = /(^|\.)(example\.(com|org|net)|example|invalid|test)$/i

const nowhere = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  nowhere.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  nowhere.addSubnet(network, bits, 'ipv6')

/** Whether an address means something on this computer or this network only. */
export const isPrivateAddress = (address: string): boolean =>
  nowhere.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** Where agents call home is PLATFORM_URL where that is set; people's own PUBLIC_URL need not be reached by machines then. */
export async function checkPublicUrl(place: Place): Promise<Finding> {
  const { config } = place
  const setting = config.platformUrl === undefined ? 'PUBLIC_URL' : 'PLATFORM_URL'
  const home = config.platformUrl ?? config.publicUrl
  if (home === undefined) {
    if (config.fly.emulator) return ok('where the server listens: emulated agents are on this computer')
    return warning('not set: agents cannot call home, and readiness is asked for instead', SET)
  }
  const url = new URL(home)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (!config.fly.emulator) {
    const trouble = await unreachable(url, host)
    if (trouble !== undefined) return { ...trouble, detail: `${setting}: ${trouble.detail}` }
    if (ON_FLY.test(host))
      return ok(`${url.origin}, on Fly's private network: only its machines can tell whether it answers`)
  }
  return answers(place, home)
}

const ON_FLY = /\.(internal|flycast)$/

/** Why no machine at Fly can reach it, or should not. */
async function unreachable(url: URL, host: string): Promise<Finding | undefined> {
  if (PLACEHOLDER.test(host)) return wrong(`${url.origin} is a placeholder`, SET)
  if (/^localhost$|\.(localhost|local|lan|home|home\.arpa)$/i.test(host))
    return wrong(`${url.origin} means another computer in each machine`, SET)
  if (ON_FLY.test(host)) return undefined
  let addresses: string[]
  try {
    addresses = isIP(host) === 0 ? (await lookup(host, { all: true })).map(({ address }) => address) : [host]
  } catch (error) {
    return wrong(`${host} has no address: ${sentenceOf(error)}`, 'make its DNS record, or correct PUBLIC_URL')
  }
  const inside = addresses.find(isPrivateAddress)
  if (inside !== undefined)
    return wrong(`${url.origin} leads to ${inside}, which machines at Fly have no way to`, SET)
  if (url.protocol === 'https:') return undefined
  return wrong(
    `${url.origin} is not https: agents' tokens would travel in plain`,
    `export PUBLIC_URL=https://${url.host}   # with a proxy that speaks TLS`,
  )
}

type Health = { status?: unknown; version?: unknown; control_plane?: unknown }

/** Whether what answers there is this control plane. */
async function answers(place: Place, base: string): Promise<Finding> {
  const own = await ownFacts(place)
  let health: Health
  try {
    const live = await fetch(`${base}/livez`, { signal: AbortSignal.timeout(5_000), redirect: 'manual' })
    if (live.status !== 200)
      return wrong(`${base}/livez answers ${live.status}: that is no server of ours`, SET)
    const answer = await fetch(`${base}/healthz`, { signal: AbortSignal.timeout(5_000), redirect: 'manual' })
    health = (await answer.json()) as Health
  } catch (error) {
    const detail = `nothing of ours answers at ${base}: ${sentenceOf(error)}`
    // Somebody sweeps, so there is a server; or none has been started yet, and this is as it should be.
    return own.sweptSecondsAgo !== undefined && own.sweptSecondsAgo < 300
      ? wrong(`${detail}; yet a server is running`, SET, 'or let its proxy and firewall pass')
      : warning(detail, 'start or deploy the server, and run this again')
  }
  if (health.status !== 'ok')
    return wrong(`what answers at ${base} is unwell`, `curl -s ${base}/readyz | jq .`)
  if (own.id !== undefined && health.control_plane !== own.id)
    return wrong(`another control plane answers at ${base}: agents would call a stranger`, SET)
  if (health.version !== VERSION)
    return warning(`${base} answers, with version ${String(health.version)}; this is ${VERSION}`)
  return ok(`${base} answers${own.id === undefined ? '' : ', and is this control plane'}`)
}

async function ownFacts(place: Place): Promise<{ id?: string; sweptSecondsAgo?: number }> {
  try {
    const facts = await place.database()
    if (facts === undefined) return {}
    const { db } = facts.opened
    const id = await readControlPlaneId(db)
    const swept = await sweepAge({ db, now: () => new Date() })
    return {
      ...(id === undefined ? {} : { id }),
      ...(swept === undefined || swept.never ? {} : { sweptSecondsAgo: swept.seconds }),
    }
  } catch {
    return {}
  }
}
