// PUBLIC_URL: where agents call home. Only a machine can tell for certain whether it is reachable. From here one can check
// that the address is public, and that this control plane answers there.
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { VERSION } from '../../functions/http/version.ts'
import { readControlPlaneId } from '../../lib/platform/control-plane-id.ts'
import { sweepAge } from '../../lib/control-plane/readiness.ts'
import { type Finding, ok, messageOf, warning, wrong } from './finding.ts'
import type { DoctorContext } from './context.ts'
import { readJson } from '../read-response.ts'

const SET = 'export PUBLIC_URL=https://…   # where the internet reaches this server'

/** Reserved names for examples. */
const PLACEHOLDER = /(^|\.)(example\.(com|org|net)|example|invalid|test)$/i

const privateNetworks = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  privateNetworks.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  privateNetworks.addSubnet(network, bits, 'ipv6')

/** Whether an address is private: of this computer or of a local network. */
export const isPrivateAddress = (address: string): boolean =>
  privateNetworks.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** Agents call home at PLATFORM_URL if it is set. Machines need not reach PUBLIC_URL then. */
export async function checkPublicUrl(context: DoctorContext): Promise<Finding> {
  const { config } = context
  const setting = config.platformUrl === undefined ? 'PUBLIC_URL' : 'PLATFORM_URL'
  const home = config.platformUrl ?? config.publicUrl
  if (home === undefined) {
    if (config.backend === 'emulator') return ok('not needed: emulated agents are on this computer')
    return warning('not set: agents cannot call home, and the server probes them for readiness instead', SET)
  }
  const url = new URL(home)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (config.backend !== 'emulator') {
    const trouble = await unreachable(url, host)
    if (trouble !== undefined) return { ...trouble, detail: `${setting}: ${trouble.detail}` }
    if (ON_FLY.test(host))
      return ok(`${url.origin}, on Fly's private network: only its machines can check it`)
  }
  return answers(context, home)
}

const ON_FLY = /\.(internal|flycast)$/

/** A finding if no machine at Fly can reach it, or none should. */
async function unreachable(url: URL, host: string): Promise<Finding | undefined> {
  if (PLACEHOLDER.test(host)) return wrong(`${url.origin} is a placeholder`, SET)
  if (/^localhost$|\.(localhost|local|lan|home|home\.arpa)$/i.test(host))
    return wrong(`${url.origin} is another computer for every machine`, SET)
  if (ON_FLY.test(host)) return undefined
  let addresses: string[]
  try {
    addresses = isIP(host) === 0 ? (await lookup(host, { all: true })).map(({ address }) => address) : [host]
  } catch (error) {
    return wrong(`${host} has no address: ${messageOf(error)}`, 'make its DNS record, or correct PUBLIC_URL')
  }
  const inside = addresses.find(isPrivateAddress)
  if (inside !== undefined)
    return wrong(`${url.origin} resolves to ${inside}, which has no way to it from machines at Fly`, SET)
  if (url.protocol === 'https:') return undefined
  return wrong(
    `${url.origin} is not https: agents' tokens would be sent without encryption`,
    `export PUBLIC_URL=https://${url.host}   # behind a proxy that terminates TLS`,
  )
}

type Health = { status?: unknown; version?: unknown; control_plane?: unknown }

/** Whether this control plane answers at a URL. */
async function answers(context: DoctorContext, base: string): Promise<Finding> {
  const local = await localFacts(context)
  let health: Health
  try {
    const live = await fetch(`${base}/livez`, { signal: AbortSignal.timeout(5_000), redirect: 'manual' })
    if (live.status !== 200)
      return wrong(`${base}/livez answers ${live.status}: another program listens there`, SET)
    const answer = await fetch(`${base}/healthz`, { signal: AbortSignal.timeout(5_000), redirect: 'manual' })
    health = (await readJson(answer)) as Health
  } catch (error) {
    const detail = `this server does not answer at ${base}: ${messageOf(error)}`
    // A recent sweep means that a server runs. Otherwise none may have been started yet.
    return local.sweptSecondsAgo !== undefined && local.sweptSecondsAgo < 300
      ? wrong(`${detail}; but a server is running`, SET, 'or allow it in the proxy and the firewall')
      : warning(detail, 'start or deploy the server, and run this again')
  }
  if (health.status !== 'ok')
    return wrong(`the server at ${base} is not healthy`, `curl -s ${base}/readyz | jq .`)
  if (local.id !== undefined && health.control_plane !== local.id)
    return wrong(`another control plane answers at ${base}: agents would call the wrong server`, SET)
  if (health.version !== VERSION)
    return warning(`${base} answers, with version ${String(health.version)}; this is ${VERSION}`)
  return ok(`${base} answers${local.id === undefined ? '' : ', and is this control plane'}`)
}

async function localFacts(context: DoctorContext): Promise<{ id?: string; sweptSecondsAgo?: number }> {
  try {
    const facts = await context.database()
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
