// Fly: whether the token is valid and how far it reaches, whether the apps exist, and whether the region exists.
import type { Config } from '../../lib/config/config.ts'
import { FlyError } from '../../lib/fly/errors.ts'
import type { TokenInfo } from '../../lib/fly/client.ts'
import { FLY_API } from '../../lib/provisioner/fly/endpoint.ts'
import { FLY_REGIONS } from '../../lib/provisioner/fly/regions.ts'
import { type Finding, ok, skipped, warning, wrong } from './finding.ts'
import { type DoctorContext, QUICK } from './context.ts'

export const EMULATOR_IS_STOPPED = 'the embedded emulator runs inside the server: npm start'

/** flyctl must not use the present token instead of its login. */
const renewal = ({ fly }: Config) =>
  `export FLY_API_TOKEN=$(env -u FLY_API_TOKEN fly tokens create deploy -a ${fly.apps[0]})`

export async function checkToken(context: DoctorContext): Promise<Finding> {
  if (!(await context.isFlyReachable())) return skipped(EMULATOR_IS_STOPPED)
  const { config, fly } = context
  const renew = renewal(config)
  try {
    const { tokens } = await fly.currentToken(QUICK)
    return config.backend === 'emulator'
      ? ok('the emulator accepts it')
      : reach(tokens, config.fly.apps, renew)
  } catch (error) {
    if (!(error instanceof FlyError)) throw error
    if (error.code !== 'unauthorized') return flyFailure(context, error)
    // Fly describes macaroons only. Another token is valid if it can read the app.
    const canReadApps = await context.apps().then(
      () => true,
      () => false,
    )
    if (canReadApps) return warning('Fly accepts it, and does not say how far it reaches', renew)
    return wrong('Fly refuses FLY_API_TOKEN: it is wrong, revoked or expired', renew)
  }
}

function reach(tokens: readonly TokenInfo[], apps: readonly string[], narrower: string): Finding {
  const organizations = [...new Set(tokens.map(({ org_slug, organization }) => org_slug || organization))]
  const of = `of organization ${organizations.filter(Boolean).join(', ') || '(unknown)'}`
  const named = tokens.flatMap((token) => token.apps ?? [])
  if (named.length > 0 && !named.includes('*')) return ok(`${of}, for ${named.join(', ')} alone`)
  if (apps.length > 1) return ok(`${of}, not limited to an app`)
  return warning(`${of}, and not limited to the app: it allows more than this server needs`, narrower)
}

export async function checkApps(context: DoctorContext): Promise<Finding> {
  if (!(await context.isFlyReachable())) return skipped(EMULATOR_IS_STOPPED)
  const { config, fly } = context
  try {
    const apps = await context.apps()
    const networks = apps.map(
      ({ name, network, organization }) =>
        `${name} in organization ${organization?.slug ?? '(unknown)'}, network ${network || 'default'}`,
    )
    if (!config.plainSecrets) {
      for (const app of config.fly.apps) await fly.listSecretNames(app, QUICK)
    }
    return ok(networks.join('; '))
  } catch (error) {
    if (!(error instanceof FlyError)) throw error
    return flyFailure(context, error)
  }
}

/** Explains a Fly error to the person who runs doctor. */
export function flyFailure({ config }: DoctorContext, error: FlyError): Finding {
  const { action, code } = error
  const apps = config.fly.apps.join(', ')
  const details = `${error.message}${error.requestId === undefined ? '' : ` (request ${error.requestId})`}`
  const renew = renewal(config)
  if (code === 'unauthorized') return skipped('Fly refuses the token')
  if (code === 'app_not_found' || code === 'not_found') {
    return wrong(
      `there is no app ${apps} that this token may read: ${details}`,
      ...config.fly.apps.map((app) => `fly apps create ${app}`),
      'or set FLY_WORKSPACE_APP to the app that the token was made for',
    )
  }
  if (code === 'forbidden' && action === 'list_secrets') {
    return wrong(
      `the token may not set secrets of ${apps}, which is how secret values reach machines: ${details}`,
      renew,
      'or set SECRETS_DELIVERY=env, and see SECURITY.md for what that shows',
    )
  }
  if (code === 'forbidden')
    return wrong(`the token may not use ${apps}, or it belongs to another organization: ${details}`, renew)
  return wrong(
    `Fly answers with an error: ${details}`,
    'see https://status.flyio.net',
    ...(Object.values<string>(FLY_API).includes(config.fly.apiUrl)
      ? []
      : [`FLY_FLAPS_BASE_URL leads to ${config.fly.apiUrl}: is that meant?`]),
    ...(config.fly.apiUrl === FLY_API.internal
      ? [
          "fly ssh console -a <app of this control plane> -C 'node commands/doctor.ts'   # only Fly's own network has that address",
        ]
      : []),
  )
}

export function checkRegion({ config }: DoctorContext): Finding {
  const { region } = config.fly
  if ((FLY_REGIONS as readonly string[]).includes(region)) return ok(region)
  return wrong(
    `FLY_REGION is ${region}, which is none of Fly's regions`,
    `export FLY_REGION=iad   # one of ${FLY_REGIONS.join(', ')}`,
  )
}

/** Three checks print a line each; this is their common condition. */
export const canUseApps = async (context: DoctorContext): Promise<boolean> =>
  (await context.isFlyReachable()) &&
  (await context.apps().then(
    () => true,
    () => false,
  ))
