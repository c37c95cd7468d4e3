// A Worker's settings: those of everywhere, of which it cannot do without some. wrangler.toml asks for the same.
import { type Config, ConfigError, parseConfig } from '../../lib/config/config.ts'

/** What a Worker cannot do without, and why. */
const REQUIRED = {
  DATABASE_URL: 'a Worker needs a Neon connection string',
  CONTAINER_BACKEND: 'the embedded emulator does not run on Workers; set it to flyio',
  FLY_API_TOKEN: 'a Worker needs a token for the Fly app',
  FLY_WORKSPACE_APP: 'a Worker needs the Fly app that its machines are made in',
  PUBLIC_URL: 'agents need to know where to call home',
  ADMIN_TOKEN: 'a Worker is closed without it',
}

/** @returns those that are missing, each with what it is for */
export const missingSettings = (env: Record<string, unknown>): [name: string, why: string][] =>
  Object.entries(REQUIRED).filter(([name]) => env[name] === undefined || env[name] === '')

/** @throws ConfigError with everything that is missing or wrong, not with the first of it */
export function readWorkerConfig(env: Record<string, unknown>): Config {
  const missing = missingSettings(env)
  const problems = missing.map(([name, why]) => `${name} is missing: ${why}`)
  if (env['FLY_ENDPOINT'] === 'internal') {
    problems.push('FLY_ENDPOINT=internal is for inside of Fly, and a Worker is outside: unset it')
  }
  let config: Config | undefined
  try {
    config = parseConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const named = (problem: string) => missing.some(([name]) => problem.startsWith(`${name} `))
    problems.push(...error.problems.filter((problem) => !named(problem)))
  }
  if (config === undefined || problems.length > 0) throw new ConfigError(problems)
  return config
}
