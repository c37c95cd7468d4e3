// Settings of Fly: the account, the apps, and how to reach them. Without them Fly is the embedded emulator.
import { z } from 'zod'
import { FLY_API } from '../provisioner/fly/endpoint.ts'
import { httpUrl, list, oneOf, setting, text, type Values } from './setting.ts'

const EMULATOR_APP = 'molecule-workspaces'
const EMULATOR_TOKEN = 'emulator'

const appName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]*$/, 'must be the name of a Fly app: lower-case letters, digits and dashes')

const region = z.string().regex(/^[a-z]{3}$/, 'must be a Fly region code such as ord')

/** The settings that together select real Fly instead of the emulator. */
export const FLY_SETTINGS = ['CONTAINER_BACKEND', 'FLY_API_TOKEN', 'FLY_WORKSPACE_APP'] as const

export const FLY = {
  token: setting('FLY_API_TOKEN', text.optional()),
  app: setting('FLY_WORKSPACE_APP', appName.optional()),
  moreApps: setting('FLY_WORKSPACE_APPS', list.pipe(z.array(appName)).default([])),
  /** The region of workspaces that name none. */
  region: setting('FLY_REGION', region.default('ord')),
  /** Whether Fly is reached over the internet or over its private network. */
  endpoint: setting('FLY_ENDPOINT', oneOf(['public', 'internal']).default('public')),
  apiUrl: setting('FLY_FLAPS_BASE_URL', httpUrl.optional()),
  /** Fly's other API, which has the logs (docs/facts/fly.md §12.2). */
  logsUrl: setting('FLY_API_BASE_URL', httpUrl.default('https://api.fly.io')),
  /** The Fly Proxy's URL, where it is not the endpoint's. */
  proxyUrl: setting('FLY_PROXY_BASE_URL', httpUrl.optional()),
}

export function toFlyConfig({ app, moreApps, token, ...rest }: Values<typeof FLY>) {
  const first = app ?? EMULATOR_APP
  const apps: readonly [string, ...string[]] = [
    first,
    ...new Set(moreApps.filter((another) => another !== first)),
  ]
  return {
    ...rest,
    token: token ?? EMULATOR_TOKEN,
    /** The apps in which machines are created; each launch takes the one with the fewest machines. */
    apps,
    apiUrl: rest.apiUrl ?? FLY_API[rest.endpoint],
  }
}
