// The only reader of the environment. It parses all settings at once and reports all mistakes at once, by name and
// without the value. Nothing here depends on a mode such as NODE_ENV.
import { z } from 'zod'
import { validationText } from '../platform/validation-text.ts'
import { findContradictions, findMissingFlySettings } from './contradictions.ts'
import { toSecretKeys } from './encryption.ts'
import { toDockerConfig } from './docker.ts'
import { toFlyConfig } from './fly.ts'
import { toImagePolicy } from './images.ts'
import { LOCAL_REGION } from '../provisioner/docker/place.ts'
import { schemasOf, valuesOf } from './setting.ts'
import { SETTINGS, type Settings } from './settings.ts'
import { findMisspelledSettings } from './unknown-settings.ts'

export { FLY_SETTINGS } from './fly.ts'

/** Every variable with its schema. A test compares docs/configuration.md with these names. */
export const Environment = z.object(schemasOf(SETTINGS))

const toConfig = ({ backend, docker, encryption, fly, images, secretsDelivery, ...rest }: Settings) => ({
  ...rest,
  /** Without a backend, machines are processes of the embedded emulator of Fly. */
  backend: backend ?? ('emulator' as const),
  /** The region of workspaces that name none. */
  region: backend === 'docker' ? LOCAL_REGION : fly.region,
  /** Whether secret values are plain text in each machine's configuration. */
  plainSecrets: secretsDelivery === 'env',
  fly: toFlyConfig(fly),
  docker: toDockerConfig(docker),
  images: toImagePolicy(images),
  secretKeys: toSecretKeys(encryption),
})

export type Config = ReturnType<typeof toConfig>

/** Settings that are wrong, missing or contradictory, with a remedy for each. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly problems: string[]

  constructor(problems: string[]) {
    super(
      `The configuration has ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}:\n${problems.map((line) => `  - ${line}`).join('\n')}`,
    )
    this.problems = problems
  }
}

// What remains when an example is copied. A placeholder is a setting that was never made.
const PLACEHOLDER =
  /^(<.*>|\.\.\.|\u2026|change[-_ ]?me|replace[-_ ]?me|todo|tbd|placeholder|example|secret|password|xxx+|your[-_ ].*|""|'')$/i

const isPlaceholder = (value: string) => value.split(',').some((part) => PLACEHOLDER.test(part.trim()))

/**
 * @param env the process's or the Worker's variables; unknown names are ignored, empty values count as unset
 * @throws ConfigError that names every variable that is wrong or missing
 */
export function parseConfig(env: Record<string, unknown>): Config {
  const given: Record<string, unknown> = {}
  const problems: string[] = []
  for (const name of Object.keys(Environment.shape)) {
    const value = env[name]
    if (value === undefined || value === '') continue
    if (typeof value === 'string' && isPlaceholder(value)) problems.push(`${name} is still a placeholder`)
    given[name] = value
  }
  const parsed = Environment.safeParse(given, { error: validationText })
  const issues = parsed.success ? [] : parsed.error.issues
  for (const { message, path } of issues) problems.push(`${String(path[0])} ${message}`)
  // Another backend needs no settings of Fly.
  if (!issues.some(({ path }) => path[0] === 'CONTAINER_BACKEND')) {
    problems.push(...findMissingFlySettings(given))
  }
  if (!parsed.success) throw new ConfigError([...new Set(problems)])
  const settings = valuesOf(SETTINGS, parsed.data)
  problems.push(...findContradictions(settings))
  if (problems.length > 0) throw new ConfigError(problems)
  return toConfig(settings)
}

/** @returns a warning for each variable whose name is close to a setting's, and therefore probably misspelled */
export const warnAboutSettings = (env: Record<string, unknown>): string[] =>
  findMisspelledSettings(env, Object.keys(Environment.shape)).map(
    ({ meant, name }) => `unknown setting ${name}, did you mean ${meant}?`,
  )
