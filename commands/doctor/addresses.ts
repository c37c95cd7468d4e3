// The addresses of the apps. An app that was created by API or by `fly apps create` has none, and without one no message
// reaches its machines (docs/facts/fly.md §7.2). They are the only thing that doctor can create.
import type { Config } from '../../lib/config/config.ts'
import type { AssignIpInput, IpAssignment } from '../../lib/fly/client.ts'
import { FlyError } from '../../lib/fly/errors.ts'
import { proxyOf } from '../../lib/provisioner/fly/endpoint.ts'
import { EMULATOR_IS_STOPPED, canUseApps, flyFailure } from './check-fly.ts'
import { type Finding, ok, skipped, combine, warning, wrong } from './finding.ts'
import { type DoctorContext, QUICK } from './context.ts'

/** An address that an app lacks, and how to allocate it. */
export type Missing = { app: string; input: AssignIpInput; command: string }

type Access = 'public' | 'flycast' | 'none' | 'elsewhere'

/** How A2A requests reach the machines of the apps, by the base URL of the proxy. */
function accessOf({ apps, endpoint, proxyUrl }: Config['fly']): Access {
  const { hostname } = new URL(proxyUrl ?? proxyOf(endpoint, apps[0]))
  if (hostname.endsWith('.fly.dev')) return 'public'
  if (hostname.endsWith('.flycast')) return 'flycast'
  // A machine's .internal name needs no address of the app.
  return hostname.endsWith('.internal') ? 'none' : 'elsewhere'
}

const isPrivate = ({ ip = '' }: IpAssignment) => ip.toLowerCase().startsWith('fdaa:')
const isV6 = ({ ip = '' }: IpAssignment) => ip.includes(':')

/** Egress addresses are left out: they are the source of outgoing connections only. */
const kindsOf = (ips: readonly IpAssignment[]) => {
  const incoming = ips.filter(({ egress, ip }) => egress !== true && typeof ip === 'string' && ip !== '')
  return {
    v4: incoming.filter((ip) => !isV6(ip)),
    v6: incoming.filter((ip) => isV6(ip) && !isPrivate(ip)),
    private: incoming.filter(isPrivate),
  }
}

type AppAddresses = { finding: Finding; missing: Missing[] }

function findingOf(access: Access, app: string, ips: IpAssignment[]): AppAddresses {
  const has = kindsOf(ips)
  const v4: Missing = {
    app,
    input: { type: 'shared_v4' },
    command: `fly ips allocate-v4 --shared -a ${app}`,
  }
  const v6: Missing = { app, input: { type: 'v6' }, command: `fly ips allocate-v6 -a ${app}` }
  // In the default network, whatever the network of the app: an address belongs to the network of its callers
  // (docs/facts/fly.md §2.8).
  const flycast: Missing = {
    app,
    input: { type: 'private_v6' },
    command: `fly ips allocate-v6 --private -a ${app}`,
  }
  if (access === 'flycast') {
    const networks = has.private.map(({ network }) => network?.name || 'default')
    if (networks.includes('default')) return { finding: ok(`${app}: private v6`), missing: [] }
    if (networks.length > 0) {
      return {
        finding: warning(
          `${app} has a private v6 address in the network ${networks.join(', ')} alone: a control plane in another network reaches no machine`,
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
        `${app} has no public address: ${app}.fly.dev does not resolve, and no message reaches its machines`,
      ),
      missing,
    }
  }
  const [missingKind, protocol] = has.v4.length === 0 ? ['v4', 'IPv4'] : ['v6', 'IPv6']
  return {
    finding: warning(`${app} has no ${missingKind} address: it is not reachable over ${protocol}`),
    missing,
  }
}

/** @returns the finding, and the missing addresses for `allocateAddresses` */
export async function checkAddresses(
  context: DoctorContext,
): Promise<{ finding: Finding; missing: Missing[] }> {
  const { config, fly } = context
  const without = (finding: Finding) => ({ finding, missing: [] })
  if (!(await context.isFlyReachable())) return without(skipped(EMULATOR_IS_STOPPED))
  const access = accessOf(config.fly)
  if (access === 'none') return without(ok('the private network is used, which needs none'))
  if (access === 'elsewhere')
    return without(skipped(`FLY_PROXY_BASE_URL is ${config.fly.proxyUrl}, which is not an address of Fly`))
  if (!(await canUseApps(context))) return without(skipped('the app cannot be read'))
  try {
    const apps = await context.apps()
    const results = await Promise.all(
      apps.map(async ({ name }) => findingOf(access, name, await fly.listIpAssignments(name, QUICK))),
    )
    const missing = results.flatMap((one) => one.missing)
    const finding = combine(results.map((one) => one.finding))
    if (missing.length > 0)
      finding.fix.push('npm run doctor -- --fix', ...missing.map(({ command }) => `  or: ${command}`))
    return { finding, missing }
  } catch (error) {
    if (!(error instanceof FlyError)) throw error
    return without(flyFailure(context, error))
  }
}

/**
 * Allocates the addresses.
 * @returns undefined if all were allocated; otherwise the error and the commands for a person with more rights
 */
export async function allocateAddresses(
  { fly }: DoctorContext,
  missing: readonly Missing[],
): Promise<Finding | undefined> {
  for (const [at, { app, input }] of missing.entries()) {
    try {
      await fly.assignIp(app, input, { timeoutMs: 20_000 })
    } catch (error) {
      if (!(error instanceof FlyError)) throw error
      // An allocation of unknown effect is not repeated: the next run lists the addresses.
      return wrong(
        `an address of ${app} was not allocated: ${error.message}`,
        ...missing.slice(at).map(({ command }) => command),
      )
    }
  }
  return undefined
}
