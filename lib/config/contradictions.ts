// Settings that are valid one by one but cannot work together. Found here, they stop the start with a sentence; found
// later, they would look like an agent that does not answer.
import { isLoopback } from '../platform/ip-address.ts'
import { findDockerMistakes } from './docker.ts'
import { FLY_SETTINGS, toFlyConfig } from './fly.ts'
import type { Settings } from './settings.ts'

/** The least length of an ADMIN_TOKEN that other computers could guess. */
const ADMIN_TOKEN_LENGTH = 16

/**
 * Subrequests that a cron run needs beside one list call per app, so that it also reaches the workspaces that are
 * due.
 */
const BESIDE_LISTS = 45

/** @returns a sentence for each contradiction between valid settings */
export function findContradictions(settings: Settings): string[] {
  return [
    ...weakAccess(settings),
    ...incompatibleNetworks(settings),
    ...tooManyApps(settings),
    ...wrongBackend(settings),
    ...tooManyProcesses(settings),
    ...(settings.backend === 'docker' ? findDockerMistakes(settings.docker) : []),
    ...(settings.encryption.current === undefined && settings.encryption.previous.length > 0
      ? ['SECRETS_PREVIOUS_KEYS is set but SECRETS_ENCRYPTION_KEY is not: previous keys only decrypt']
      : []),
  ]
}

/** What only another backend has: a delivery of secrets, or programs in place of images. */
function wrongBackend({ backend, emulator, secretsDelivery }: Settings): string[] {
  const hasPrograms = 'file' in emulator.images || Object.keys(emulator.images.commands).length > 0
  if (backend !== undefined && hasPrograms) {
    return [
      `EMULATOR_IMAGES is set, but CONTAINER_BACKEND=${backend} runs images only: unset it, and name an image in RUNTIME_IMAGES`,
    ]
  }
  if (backend === 'docker' && secretsDelivery === 'fly')
    return ['SECRETS_DELIVERY=fly needs Fly: with CONTAINER_BACKEND=docker it is file or env']
  if (backend !== 'docker' && secretsDelivery === 'file')
    return ['SECRETS_DELIVERY=file needs CONTAINER_BACKEND=docker: on Fly it is fly or env']
  return []
}

/** What is embedded belongs to one process. */
function tooManyProcesses({ backend, database, workers }: Settings): string[] {
  if (workers === 1) return []
  return [
    database.url === undefined &&
      `WORKERS=${workers} needs DATABASE_URL: the embedded database belongs to one process`,
    backend === undefined &&
      `WORKERS=${workers} needs CONTAINER_BACKEND: the embedded emulator belongs to one process`,
  ].filter((problem) => problem !== false)
}

function weakAccess({ adminTokens, anonymousLoopback, backend, listen, moleculeCompat }: Settings): string[] {
  const problems: string[] = []
  const isExposed = backend !== undefined || !isLoopback(listen.host)
  if (isExposed && adminTokens.some((token) => token.length < ADMIN_TOKEN_LENGTH)) {
    problems.push(
      `ADMIN_TOKEN must have at least ${ADMIN_TOKEN_LENGTH} characters where it protects more than the emulator on this computer: openssl rand -base64 32`,
    )
  }
  const openings = [
    anonymousLoopback && 'ANONYMOUS_LOOPBACK',
    moleculeCompat && adminTokens.length === 0 && 'MOLECULE_COMPAT',
  ]
  for (const name of openings.filter((opening) => opening !== false)) {
    if (isLoopback(listen.host)) continue
    problems.push(`${name} allows requests without a token, so HOST must be 127.0.0.1, not ${listen.host}`)
  }
  return problems
}

function incompatibleNetworks(settings: Settings): string[] {
  const { endpoint, proxyUrl } = settings.fly
  const { host } = settings.listen
  const problems: string[] = []
  if (endpoint === 'internal' && proxyUrl?.startsWith('https:') === true) {
    problems.push(
      'FLY_PROXY_BASE_URL is https, but with FLY_ENDPOINT=internal machines accept plain HTTP only: unset one of them',
    )
  }
  if (endpoint === 'public' && proxyUrl !== undefined && isBelow(proxyUrl, 'flycast')) {
    problems.push(
      'FLY_PROXY_BASE_URL is a .flycast address, which works with FLY_ENDPOINT=internal only: set that too',
    )
  }
  for (const [name, url] of [
    ['PUBLIC_URL', settings.publicUrl],
    ['PLATFORM_URL', settings.platformUrl],
  ] as const) {
    if (url !== undefined && isBelow(url, 'internal') && /^[\d.]+$/.test(host)) {
      problems.push(
        `${name} is a .internal address, which is IPv6 only, but HOST is ${host}: use this app's .flycast address, or HOST=::`,
      )
    }
  }
  return problems
}

const isBelow = (url: string, domain: string) => new URL(url).hostname.endsWith(`.${domain}`)

function tooManyApps({ fly, subrequestLimit }: Settings): string[] {
  const apps = toFlyConfig(fly).apps.length
  if (subrequestLimit >= BESIDE_LISTS + apps) return []
  return [
    `SUBREQUEST_LIMIT is too small for ${apps} apps, because each run lists every app: name at most ${subrequestLimit - BESIDE_LISTS} apps, or use a plan with a higher limit`,
  ]
}

/**
 * Half a Fly configuration is an error in both directions: starting the emulator instead would look like success.
 * Another backend needs no settings of Fly.
 * @param given the variables that are set
 */
export function findMissingFlySettings(given: Record<string, unknown>): string[] {
  if (given['CONTAINER_BACKEND'] === 'docker') return []
  const present = FLY_SETTINGS.filter((name) => given[name] !== undefined)
  const missing = FLY_SETTINGS.filter((name) => given[name] === undefined)
  if (missing.length === 0) return []
  if (present.length > 0) {
    const names = present.join(' and ')
    return missing.map(
      (name) =>
        `${name} is missing: ${names} ${present.length === 1 ? 'selects' : 'select'} real Fly (unset to use the emulator)`,
    )
  }
  const unused = ['FLY_FLAPS_BASE_URL', 'FLY_PROXY_BASE_URL'].filter((name) => given[name] !== undefined)
  if (given['FLY_ENDPOINT'] === 'internal') unused.push('FLY_ENDPOINT')
  return unused.map(
    (name) =>
      `${name} is set but Fly is not: set ${FLY_SETTINGS.join(', ')}, or unset it to use the emulator`,
  )
}
