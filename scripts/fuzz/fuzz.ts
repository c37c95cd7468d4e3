// `npm run fuzz`: sends valid, extreme and hostile requests to every operation of the API description, as every kind of
// caller. Nothing may break, hang, or leave a machine running.
import { parseArgs } from 'node:util'
import { startFuzzServer } from './server.ts'
import { runFuzz } from './run.ts'

const HELP = `npm run fuzz -- [options]

Fuzzes the whole server in this process, with an emulated Fly, with requests from its API description.
Violations: a status of 5xx (except 503 with a code), no answer in 20 s, a 4xx without a problem
document, an unhandled rejection, an error in the log, and a machine that is left at the end. Each is printed as a curl command.

  --requests N   default 2000
  --seed N       chooses the requests; default 1
  --database U   a Postgres with the tables of this project; default: the embedded database
  --verbose      progress, and every operation's statuses
`

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    database: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help === true) {
  process.stdout.write(HELP)
  process.exit(0)
}
const [requests, seed] = [Number(values.requests), Number(values.seed)]
if (!Number.isInteger(requests) || requests < 1 || !Number.isInteger(seed)) {
  process.stderr.write('--requests must be a whole number above zero, and --seed a whole number\n')
  process.exit(2)
}

const started = performance.now()
const server = await startFuzzServer({}, values.database)
const print = (line: string) => void process.stderr.write(`${line}\n`)
const { statuses, violations, ...report } = await runFuzz(server, {
  requests,
  seed,
  onProgress: values.verbose ? print : () => {},
})
if (values.verbose) {
  for (const [operation, counts] of [...statuses].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    print(`${operation}: ${[...counts].map(([status, times]) => `${status}×${times}`).join(' ')}`)
  }
}
for (const violation of violations.slice(0, 50)) print(violation)
const seconds = Math.round((performance.now() - started) / 1000)
const megabytes = Math.round(process.memoryUsage.rss() / 1_048_576)
process.stdout.write(
  `fuzz seed=${seed} requests=${report.requests} operations=${statuses.size} violations=${violations.length} seconds=${seconds} rss_mb=${megabytes}\n`,
)
await server.close()
process.exit(violations.length === 0 ? 0 : 1)
