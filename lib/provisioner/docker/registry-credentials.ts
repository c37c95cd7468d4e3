// Credentials for private registries, in the form of Docker's own config.json (DOCKER_AUTH_CONFIG).
import { z } from 'zod'
import { encodeBase64 } from '../../platform/encoding.ts'
import { whenUsed } from '../../platform/when-used.ts'

export type RegistryCredentials = {
  /** The X-Registry-Auth header for a registry's host; undefined where none is configured. */
  headerFor(registry: string): string | undefined
}

const AuthConfig = whenUsed(() =>
  z.object({
    auths: z.record(z.string(), z.looseObject({ auth: z.string() })),
  }),
)

/** Docker Hub's key in config.json. */
const DOCKER_HUB = 'https://index.docker.io/v1/'

/** @returns undefined for text that is no config.json with credentials */
export function parseAuthConfig(text: string): RegistryCredentials | undefined {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return undefined
  }
  const parsed = AuthConfig.safeParse(json)
  if (!parsed.success) return undefined
  const headers = new Map<string, string>()
  for (const [registry, { auth }] of Object.entries(parsed.data.auths)) {
    const login = decode(auth)
    const colon = login?.indexOf(':') ?? -1
    if (login === undefined || colon < 1) return undefined
    const header = {
      username: login.slice(0, colon),
      password: login.slice(colon + 1),
      serveraddress: registry,
    }
    headers.set(hostOf(registry), toHeader(header))
  }
  return { headerFor: (registry) => headers.get(registry) }
}

export const NO_CREDENTIALS: RegistryCredentials = { headerFor: () => undefined }

function decode(base64: string): string | undefined {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)))
  } catch {
    return undefined
  }
}

const hostOf = (registry: string) =>
  registry === DOCKER_HUB ? 'docker.io' : (registry.replace(/^https?:\/\//, '').split('/')[0] ?? '')

/** Base64 with the alphabet for URLs, with padding: the daemon ignores a header that it cannot decode. */
const toHeader = (login: object) =>
  encodeBase64(new TextEncoder().encode(JSON.stringify(login)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
