// `npm run fuzz:schemathesis`: Schemathesis (schemathesis.io, from PyPI) tests the server against its own API description: no
// server error, no status, content type or body that the description does not have.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ADMIN_TOKEN, startFuzzServer } from './server.ts'

const HELP = `npm run fuzz:schemathesis -- [options]

Needs Python 3.10 or newer with venv, and PyPI at the first run. Tests as an administrator and without a token.

  --examples N   requests for each operation; default 50
  --seed N       chooses the requests; default 1
  --operation R  a regular expression of operation ids; default: all
`

const VERSION = '4.32.5'
const DIRECTORY = fileURLToPath(new URL('../../node_modules/.cache/schemathesis', import.meta.url))

/** What other tests of this repository do not check on every route. */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
]

/** 503 with a code is an answer: Fly, here the emulator, may not answer in time. */
const CONFIG = `[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
`

const { values } = parseArgs({
  options: {
    examples: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    operation: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help === true) {
  process.stdout.write(HELP)
  process.exit(0)
}

async function run(command: string, args: readonly string[]): Promise<number> {
  const child = spawn(command, args, { cwd: DIRECTORY, stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

/** @returns the program, installed into a virtual environment of this checkout */
async function installed(): Promise<string> {
  const directory = join(DIRECTORY, VERSION)
  const program = join(directory, 'bin', 'schemathesis')
  if (existsSync(program)) return program
  const isMade =
    (await run('python3', ['-m', 'venv', directory])) === 0 &&
    (await run(join(directory, 'bin', 'pip'), ['install', '--quiet', `schemathesis==${VERSION}`])) === 0
  if (!isMade) throw new Error('Schemathesis cannot be installed: it needs python3 with venv, and PyPI')
  return program
}

mkdirSync(DIRECTORY, { recursive: true })
const program = await installed()
const config = join(DIRECTORY, 'schemathesis.toml')
writeFileSync(config, CONFIG)
const server = await startFuzzServer()
const stopPasses = server.keepPassing()

const AUTHORIZED = ['--header', `Authorization: Bearer ${ADMIN_TOKEN}`]
let failures = 0
for (const credential of [AUTHORIZED, []]) {
  const code = await run(program, [
    '--config-file',
    config,
    'run',
    `${server.url}/openapi.json`,
    '--checks',
    CHECKS.join(','),
    '--phases',
    'examples,coverage,fuzzing',
    '--max-examples',
    values.examples,
    '--seed',
    values.seed,
    '--suppress-health-check',
    'all',
    '--warnings',
    'off',
    '--continue-on-failure',
    // Its body is a tar archive, which Schemathesis cannot make.
    '--exclude-operation-id',
    'archiveFiles',
    '--request-timeout',
    '60',
    ...(values.operation === undefined ? [] : ['--include-operation-id-regex', values.operation]),
    ...credential,
  ])
  if (code !== 0) failures++
}
stopPasses()
for (const error of server.loggedErrors) {
  failures++
  process.stderr.write(`the server logged: ${error}\n`)
}
await server.close()
process.stdout.write(`schemathesis seed=${values.seed} examples=${values.examples} failures=${failures}\n`)
process.exit(failures === 0 ? 0 : 1)
