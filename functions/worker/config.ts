// A Worker's settings: the same as on Node, of which some are required here. wrangler.toml names the same ones.
import { type Config, ConfigError, parseConfig } from '../../lib/config/config.ts'

/** Required settings, each with the reason. */
const REQUIRED = {
  DATABASE_URL: 'a Worker needs a Neon connection string',
  CONTAINER_BACKEND: 'the embedded emulator does not run on Workers; set it to flyio',
  FLY_API_TOKEN: 'a Worker needs a token for the Fly app',
  FLY_WORKSPACE_APP: 'a Worker needs the Fly app of its machines',
  PUBLIC_URL: 'agents need the URL of this control plane',
  ADMIN_TOKEN: 'a Worker refuses all requests without it',
}

/** @returns the required settings that are missing, each with the reason */
export const missingSettings = (env: Record<string, unknown>): [name: string, why: string][] =>
  Object.entries(REQUIRED).filter(([name]) => env[name] === undefined || env[name] === '')

/** @throws ConfigError with all problems at once */
export function readWorkerConfig(env: Record<string, unknown>): Config {
  const missing = missingSettings(env)
  const problems = missing.map(([name, why]) => `${name} is missing: ${why}`)
  if (env['CONTAINER_BACKEND'] === 'docker') {
    problems.push(
      'CONTAINER_BACKEND=docker works on Node only, because a Worker reaches no Docker daemon: set it to flyio',
    )
  }
  if (env['FLY_ENDPOINT'] === 'internal') {
    problems.push('FLY_ENDPOINT=internal works inside Fly only, and a Worker runs outside: unset it')
  }
  let config: Config | undefined
  try {
    config = parseConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const isListed = (problem: string) => missing.some(([name]) => problem.startsWith(`${name} `))
    problems.push(...error.problems.filter((problem) => !isListed(problem)))
  }
  if (config === undefined || problems.length > 0) throw new ConfigError(problems)
  return config
}
