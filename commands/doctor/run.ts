// The whole of doctor but for the process it runs in: arguments and variables in, text and an exit code out.
import { readFileSync } from 'node:fs'
import { parseArgs, parseEnv } from 'node:util'
import { VERSION } from '../../functions/http/version.ts'
import { type Config, ConfigError, parseConfig } from '../../lib/config/config.ts'
import { checkAddresses, makeAddresses } from './addresses.ts'
import { examine, tellProblems, type Told } from './examine.ts'
import { openPlace } from './place.ts'
import { createRedaction, line, summary } from './print.ts'

const HELP = `npm run doctor -- [options]

Looks at the configuration, Fly's token, app, addresses and region, the images, the database, the clocks, ADMIN_TOKEN, the
secrets key, PUBLIC_URL and the server, with the settings that \`npm start\` would take. Changes nothing without --fix. Shows no
secret. Ends with 1 when something is wrong, with 0 when there are warnings at most, with 2 when it was called wrongly.

  --fix              gives the app the addresses it lacks, which are free; on a terminal it asks
  --json             one object: { ok, version, checks: [{ check, state, detail, fix }] }
  --timeout SECONDS  how long each check may take; default 15
  --env-file FILE    settings from a file, such as a Worker's .dev.vars; those of the shell win
  --help

  npm run --silent doctor -- --json | jq -r '.checks[] | select(.state == "wrong") | .fix[]'
`

export type Doctor = {
  args: string[]
  env: Record<string, string | undefined>
  out: (text: string) => void
  err: (text: string) => void
  colours: boolean
  /** Asks a yes-or-no question; undefined where nobody is there to answer. */
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
  const told = new Map<string, Told>()
  const tell = (one: Told) => {
    told.set(one.check, one)
    if (!flags.json) doctor.out(redact(line(one, doctor.colours)))
  }
  const config = readConfig(env, tell)
  const ask = flags.fix ? () => Promise.resolve(true) : flags.json ? undefined : doctor.ask
  if (config !== undefined) await look(config, flags.timeout * 1000, tell, ask)
  const checks = [...told.values()]
  const ok = checks.every(({ state }) => state !== 'wrong')
  const end = flags.json
    ? `${JSON.stringify({ ok, version: VERSION, checks }, null, 2)}\n`
    : `\n${summary(checks)}`
  doctor.out(redact(end))
  return ok ? 0 : 1
}

function readConfig(env: Doctor['env'], tell: (told: Told) => void): Config | undefined {
  try {
    return parseConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const told of tellProblems(error.problems)) tell(told)
    return undefined
  }
}

async function look(
  config: Config,
  timeoutMs: number,
  tell: (told: Told) => void,
  ask: Doctor['ask'],
): Promise<void> {
  const place = openPlace(config)
  try {
    const missing = await examine(place, timeoutMs, tell)
    if (missing.length === 0 || ask === undefined) return
    const wanted = missing.map(({ app, input }) => `${input.type} for ${app}`).join(', ')
    if (!(await ask(`\nMake these addresses now: ${wanted}?`))) return
    const refused = await makeAddresses(place, missing)
    tell({ check: 'addresses', ...(refused ?? (await checkAddresses(place)).finding) })
  } finally {
    await place.close()
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
