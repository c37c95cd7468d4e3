// Doctor without its process: arguments and variables in, text and an exit code out.
import { readFileSync } from 'node:fs'
import { parseArgs, parseEnv } from 'node:util'
import { VERSION } from '../../functions/http/version.ts'
import { type Config, ConfigError, parseConfig } from '../../lib/config/config.ts'
import { checkAddresses, allocateAddresses } from './addresses.ts'
import { examine, resultsOfProblems, type CheckResult } from './examine.ts'
import { createContext } from './context.ts'
import { createRedaction, line, summary } from './print.ts'

const HELP = `npm run doctor -- [options]

Checks the configuration, Fly's token, app, addresses and region (or the Docker daemon), the images, the database, the clocks, ADMIN_TOKEN, the
encryption key, PUBLIC_URL and the server, with the settings that \`npm start\` would use. Changes nothing without --fix. Prints
no secret. Exit code: 0 if nothing is wrong, 1 if something is, 2 for wrong arguments. Warnings do not count.

  --fix              allocates missing addresses, which are free; without it a terminal is asked
  --json             one object: { ok, version, checks: [{ check, state, detail, fix }] }
  --timeout SECONDS  how long each check may take; default 15
  --env-file FILE    settings from a file, such as a Worker's .dev.vars; variables of the shell win
  --help

  npm run --silent doctor -- --json | jq -r '.checks[] | select(.state == "wrong") | .fix[]'
`

export type Doctor = {
  args: string[]
  env: Record<string, string | undefined>
  out: (text: string) => void
  err: (text: string) => void
  colours: boolean
  /** Asks a yes-or-no question; undefined if there is no terminal. */
  ask: ((question: string) => Promise<boolean>) | undefined
}

/** @returns the exit code */
export async function runDoctor(doctor: Doctor): Promise<0 | 1 | 2> {
  let flags: ReturnType<typeof readFlags>
  let env: Doctor['env']
  try {
    flags = readFlags(doctor.args)
    const file = flags['env-file']
    env = file === undefined ? doctor.env : { ...parseEnv(readFileSync(file, 'utf8')), ...doctor.env }
  } catch (error) {
    doctor.err(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`)
    return 2
  }
  if (flags.help) {
    doctor.out(HELP)
    return 0
  }
  const redact = createRedaction(env)
  const results = new Map<string, CheckResult>()
  const report = (one: CheckResult) => {
    results.set(one.check, one)
    if (!flags.json) doctor.out(redact(line(one, doctor.colours)))
  }
  const config = readConfig(env, report)
  const ask = flags.fix ? () => Promise.resolve(true) : flags.json ? undefined : doctor.ask
  if (config !== undefined) await runChecks(config, flags.timeout * 1000, report, ask)
  const checks = [...results.values()]
  const ok = checks.every(({ state }) => state !== 'wrong')
  const end = flags.json
    ? `${JSON.stringify({ ok, version: VERSION, checks }, null, 2)}\n`
    : `\n${summary(checks)}`
  doctor.out(redact(end))
  return ok ? 0 : 1
}

function readConfig(env: Doctor['env'], report: (result: CheckResult) => void): Config | undefined {
  try {
    return parseConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const result of resultsOfProblems(error.problems, env['CONTAINER_BACKEND'])) report(result)
    return undefined
  }
}

async function runChecks(
  config: Config,
  timeoutMs: number,
  report: (result: CheckResult) => void,
  ask: Doctor['ask'],
): Promise<void> {
  const context = createContext(config)
  try {
    const missing = await examine(context, timeoutMs, report)
    if (missing.length === 0 || ask === undefined) return
    const wanted = missing.map(({ app, input }) => `${input.type} for ${app}`).join(', ')
    if (!(await ask(`\nAllocate these addresses now: ${wanted}?`))) return
    const refused = await allocateAddresses(context, missing)
    report({ check: 'addresses', ...(refused ?? (await checkAddresses(context)).finding) })
  } finally {
    await context.close()
  }
}

/** @throws Error that says what is wrong with them */
function readFlags(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      fix: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      timeout: { type: 'string', default: '15' },
      'env-file': { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const timeout = Number(values.timeout)
  if (!(timeout >= 1 && timeout <= 600)) throw new Error('--timeout takes seconds, from 1 to 600')
  return { ...values, timeout }
}
