// Fly: whether the token is taken and how far it reaches, whether the apps are there, and whether the region exists.
import type { Config } from '../../lib/config/config.ts'
import { FlyError } from '../../lib/fly/errors.ts'
import type { TokenInfo } from '../../lib/fly/client.ts'
import { FLY_API } from '../../lib/provisioner/fly/endpoint.ts'
import { FLY_REGIONS } from '../../lib/provisioner/fly/regions.ts'
import { type Finding, ok, skipped, warning, wrong } from './finding.ts'
import { type Place, QUICKLY } from './place.ts'

export const EMULATOR_RESTS = 'the embedded emulator runs inside the server: npm start'

/** Without the token that is there: flyctl would use it instead of its login. */
const renewal = ({ fly }: Config) =>
  `export FLY_API_TOKEN=$(env -u FLY_API_TOKEN fly tokens create deploy -a ${fly.apps[0]})`

export async function checkToken(place: Place): Promise<Finding> {
  if (!(await place.flyIsThere())) return skipped(EMULATOR_RESTS)
  const { config, fly } = place
  const renew = renewal(config)
  try {
    const { tokens } = await fly.currentToken(QUICKLY)
    return config.fly.emulator ? ok('the emulator takes it') : reach(tokens, config.fly.apps, renew)
  } catch (error) {
    if (!(error instanceof FlyError)) throw error
    if (error.code !== 'unauthorized') return flyTrouble(place, error)
    // Fly describes macaroons only; any other token is good if it opens the app.
    const opens = await place.apps().then(
      () => true,
      () => false,
    )
    if (opens) return warning('Fly takes it, and does not say how far it reaches', renew)
    return wrong('Fly refuses FLY_API_TOKEN: it is wrong, revoked or expired', renew)
  }
}

function reach(tokens: readonly TokenInfo[], apps: readonly string[], narrower: string): Finding {
  const organizations = [...new Set(tokens.map(({ org_slug, organization }) => org_slug || organization))]
  const of = `of organization ${organizations.filter(Boolean).join(', ') || '(Fly does not say)'}`
  const named = tokens.flatMap((token) => token.apps ?? [])
  if (named.length > 0 && !named.includes('*')) return ok(`${of}, for ${named.join(', ')} alone`)
  if (apps.length > 1) return ok(`${of}, not limited to an app`)
  return warning(`${of}, and not limited to the app: whoever has it may do more than we do`, narrower)
}

export async function checkApps(place: Place): Promise<Finding> {
  if (!(await place.flyIsThere())) return skipped(EMULATOR_RESTS)
  const { config, fly } = place
  try {
    const apps = await place.apps()
    const networks = apps.map(
      ({ name, network, organization }) =>
        `${name} in organization ${organization?.slug ?? '(not said)'}, network ${network || 'default'}`,
    )
    if (config.fly.secretsDelivery === 'fly') {
      for (const app of config.fly.apps) await fly.listSecretNames(app, QUICKLY)
    }
    return ok(networks.join('; '))
  } catch (error) {
    if (!(error instanceof FlyError)) throw error
    return flyTrouble(place, error)
  }
}

/** What a call that Fly did not do means for whoever set this up. */
export function flyTrouble({ config }: Place, error: FlyError): Finding {
  const { action, code } = error
  const apps = config.fly.apps.join(', ')
  const said = `${error.message}${error.requestId === undefined ? '' : ` (request ${error.requestId})`}`
  const renew = renewal(config)
  if (code === 'unauthorized') return skipped('Fly refuses the token')
  if (code === 'app_not_found' || code === 'not_found') {
    return wrong(
      `Fly knows no app ${apps} that this token may see: ${said}`,
      ...config.fly.apps.map((app) => `fly apps create ${app}`),
      'or set FLY_WORKSPACE_APP to the app that the token was made for',
    )
  }
  if (code === 'forbidden' && action === 'list_secrets') {
    return wrong(
      `the token may not set secrets of ${apps}, which is how secret values reach machines: ${said}`,
      renew,
      'or set SECRETS_DELIVERY=env, and see SECURITY.md for what that shows',
    )
  }
  if (code === 'forbidden')
    return wrong(`the token may not use ${apps}, or it belongs to another organization: ${said}`, renew)
  return wrong(
    `Fly does not answer as it should: ${said}`,
    'see https://status.flyio.net',
    ...(Object.values<string>(FLY_API).includes(config.fly.apiUrl)
      ? []
      : [`FLY_FLAPS_BASE_URL leads to ${config.fly.apiUrl}: is that meant?`]),
    ...(config.fly.apiUrl === FLY_API.internal
      ? [
          "fly ssh console -C 'node commands/doctor.ts'   # the control plane's app: only Fly's own network has that address",
        ]
      : []),
  )
}

export function checkRegion({ config }: Place): Finding {
  const { region } = config.fly
  if ((FLY_REGIONS as readonly string[]).includes(region)) return ok(region)
  return wrong(
    `FLY_REGION is ${region}, which is none of Fly's regions`,
    `export FLY_REGION=iad   # one of ${FLY_REGIONS.join(', ')}`,
  )
}

/** The three checks are apart so that each has a line; what they have in common is said once. */
export const flyIsUsable = async (place: Place): Promise<boolean> =>
  (await place.flyIsThere()) &&
  (await place.apps().then(
    () => true,
    () => false,
  ))
