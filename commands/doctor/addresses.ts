// Addresses of the apps: an app that was made by API, or by `fly apps create`, has none, and without one no message reaches its
// machines (fly.md §7.2). The one thing that doctor can make itself.
import type { Config } from '../../lib/config/config.ts'
import type { AssignIpInput, IpAssignment } from '../../lib/fly/client.ts'
import { FlyError } from '../../lib/fly/errors.ts'
import { proxyOf } from '../../lib/provisioner/fly/endpoint.ts'
import { EMULATOR_RESTS, flyIsUsable, flyTrouble } from './check-fly.ts'
import { type Finding, ok, skipped, together, warning, wrong } from './finding.ts'
import { type Place, QUICKLY } from './place.ts'

/** An address that an app lacks, and how to give it one. */
export type Missing = { app: string; input: AssignIpInput; command: string }

type Way = 'public' | 'flycast' | 'none' | 'elsewhere'

/** How A2A requests reach the apps' machines, by the address that they are sent to. */
export function wayOf({ apps, endpoint, proxyUrl }: Config['fly']): Way {
  const { hostname } = new URL(proxyUrl ?? proxyOf(endpoint, apps[0]))
  if (hostname.endsWith('.fly.dev')) return 'public'
  if (hostname.endsWith('.flycast')) return 'flycast'
  // A machine's own name on the private network needs no address of the app.
  return hostname.endsWith('.internal') ? 'none' : 'elsewhere'
}

const isPrivate = ({ ip = '' }: IpAssignment) => ip.toLowerCase().startsWith('fdaa:')
const isV6 = ({ ip = '' }: IpAssignment) => ip.includes(':')

/** Egress addresses are where machines call from; nobody reaches them there. */
const kindsOf = (ips: readonly IpAssignment[]) => {
  const incoming = ips.filter(({ egress, ip }) => egress !== true && typeof ip === 'string' && ip !== '')
  return {
    v4: incoming.filter((ip) => !isV6(ip)),
    v6: incoming.filter((ip) => isV6(ip) && !isPrivate(ip)),
    private: incoming.filter(isPrivate),
  }
}

type AppAddresses = { finding: Finding; missing: Missing[] }

export function judge(way: Way, app: string, ips: IpAssignment[]): AppAddresses {
  const has = kindsOf(ips)
  const v4: Missing = {
    app,
    input: { type: 'shared_v4' },
    command: `fly ips allocate-v4 --shared -a ${app}`,
  }
  const v6: Missing = { app, input: { type: 'v6' }, command: `fly ips allocate-v6 -a ${app}` }
  // In the default network, whatever the app's own is: an address belongs to the network of those who call it (fly.md §2.8).
  const flycast: Missing = {
    app,
    input: { type: 'private_v6' },
    command: `fly ips allocate-v6 --private -a ${app}`,
  }
  if (way === 'flycast') {
    const networks = has.private.map(({ network }) => network?.name || 'default')
    if (networks.includes('default')) return { finding: ok(`${app}: private v6`), missing: [] }
    if (networks.length > 0) {
      return {
        finding: warning(
          `${app} has a private v6 address in the network ${networks.join(', ')} alone: a control plane that runs in another reaches no machine`,
          flycast.command,
        ),
        missing: [],
      }
    }
    return {
      finding: wrong(
        `${app} has no private v6 address, which .flycast needs: no message reaches its machines`,
      ),
      missing: [flycast],
    }
  }
  const missing = [...(has.v4.length === 0 ? [v4] : []), ...(has.v6.length === 0 ? [v6] : [])]
  if (missing.length === 0) {
    const shared = has.v4.some((ip) => ip.shared === true)
    return { finding: ok(`${app}: ${shared ? 'shared ' : ''}v4 and v6`), missing }
  }
  if (missing.length === 2) {
    return {
      finding: wrong(
        `${app} has no public address: ${app}.fly.dev leads nowhere, and no message reaches its machines`,
      ),
      missing,
    }
  }
  const [lacks, reached] = has.v4.length === 0 ? ['v4', 'IPv4'] : ['v6', 'IPv6']
  return { finding: warning(`${app} has no ${lacks} address: over ${reached} it is not reached`), missing }
}

/** @returns what is missing beside the finding, for `makeAddresses` */
export async function checkAddresses(place: Place): Promise<{ finding: Finding; missing: Missing[] }> {
  const { config, fly } = place
  const say = (finding: Finding) => ({ finding, missing: [] })
  if (!(await place.flyIsThere())) return say(skipped(EMULATOR_RESTS))
  const way = wayOf(config.fly)
  if (way === 'none') return say(ok('the private network is used, and needs none'))
  if (way === 'elsewhere')
    return say(skipped(`FLY_PROXY_BASE_URL leads to ${config.fly.proxyUrl}, and not to an address of Fly's`))
  if (!(await flyIsUsable(place))) return say(skipped('the app cannot be seen'))
  try {
    const apps = await place.apps()
    const judged = await Promise.all(
      apps.map(async ({ name }) => judge(way, name, await fly.listIpAssignments(name, QUICKLY))),
    )
    const missing = judged.flatMap((one) => one.missing)
    const finding = together(judged.map((one) => one.finding))
    if (missing.length > 0)
      finding.fix.push('npm run doctor -- --fix', ...missing.map(({ command }) => `  or: ${command}`))
    return { finding, missing }
  } catch (error) {
    if (!(error instanceof FlyError)) throw error
    return say(flyTrouble(place, error))
  }
}

/**
 * Asks Fly for each of these.
 * @returns undefined when all were given, or what was refused and the command that a person with more rights can run
 */
export async function makeAddresses(
  { fly }: Place,
  missing: readonly Missing[],
): Promise<Finding | undefined> {
  for (const [at, { app, input }] of missing.entries()) {
    try {
      await fly.assignIp(app, input, { timeoutMs: 20_000 })
    } catch (error) {
      if (!(error instanceof FlyError)) throw error
      // What may have been done is not done again: the next run lists what is there.
      return wrong(
        `an address of ${app} was not made: ${error.message}`,
        ...missing.slice(at).map(({ command }) => command),
      )
    }
  }
  return undefined
}
