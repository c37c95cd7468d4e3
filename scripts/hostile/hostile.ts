// `npm run hostile`: one machine does its worst by a list of attacks while the messages of another workspace are measured.
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { ATTACKS } from './attacks/all.ts'
import { type AttackResult, runAttacks } from './run.ts'

const HELP = `npm run hostile -- [options]

Runs the real server with a Postgres and two workspaces, with the default limits. One machine attacks; messages to the other one
are measured. Fails if a message to the neighbour fails, if its 99th percentile is over twice its quiet value (and over 100 ms),
if /livez takes longer than a second, if the server holds more than 400 MB more than before, or if it works for more than 50 ms
of CPU time without a turn of its event loop.

  --seconds N    how long each attack lasts; default 3
  --attack TEXT  only attacks whose name contains this text; may be repeated
  --sample N     only N attacks, chosen by the seed; default: all
  --seed N       default 1
  --runtime R    node (default) or workerd, with the bundle that would be deployed
  --database U   a Postgres with the tables of this project; default: one that is started
  --busy         the computer is busy with other work: latencies are shown and not judged, and CPU time may be four times as much
`

const MOST_MEMORY_MB = 400
const FLOOR_MS = 100
const LIVEZ_MS = 1_000
const CPU_MS = 50
/** Processors that are shared take longer for the same work. */
const BUSY_CPU_MS = 200

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    attack: { type: 'string', multiple: true, default: [''] },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    runtime: { type: 'string', default: 'node' },
    database: { type: 'string' },
    busy: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help === true) {
  process.stdout.write(HELP)
  process.exit(0)
}
const seconds = Number(values.seconds)
const named = ATTACKS.filter(({ name }) => values.attack.some((text) => name.includes(text)))
const count = Math.min(Number(values.sample ?? named.length), named.length)
const [attacks = named] =
  count === named.length
    ? [named]
    : fc.sample(fc.shuffledSubarray(named, { minLength: count, maxLength: count }), {
        seed: Number(values.seed),
        numRuns: 1,
      })

const { runtime } = values
if (!(seconds > 0) || attacks.length === 0 || (runtime !== 'node' && runtime !== 'workerd')) {
  process.stderr.write(
    '--seconds must be a number above zero, --attack must match an attack, --runtime is node or workerd\n',
  )
  process.exit(2)
}

let quiet: AttackResult | undefined
let worst = 0
let failures = 0
const report = (result: AttackResult) => {
  quiet ??= result
  const ratio = result.p99Ms / quiet.p99Ms
  worst = Math.max(worst, ratio)
  const grown = (result.memoryMb ?? 0) - (quiet.memoryMb ?? 0)
  const isSlow = !values.busy && ((ratio > 2 && result.p99Ms > FLOOR_MS) || result.slowestLivezMs > LIVEZ_MS)
  const isBad =
    result.failed > 0 ||
    isSlow ||
    grown > MOST_MEMORY_MB ||
    (result.longestCpuMs ?? 0) > (values.busy ? BUSY_CPU_MS : CPU_MS)
  if (isBad) failures++
  process.stdout.write(
    `${isBad ? 'BAD' : 'ok '} ${result.name}: p99 ${result.p99Ms.toFixed(1)} ms (${ratio.toFixed(1)} × quiet), ${result.messages} messages, ${result.failed} failed, slowest /livez ${Math.round(result.slowestLivezMs)} ms, longest CPU ${result.longestCpuMs?.toFixed(0) ?? '-'} ms, ${result.cores?.toFixed(1) ?? '-'} cores, ${result.memoryMb ?? '-'} MB\n`,
  )
}
const postgres = values.database === undefined ? await startPostgres() : undefined
try {
  const databaseUrl = values.database ?? postgres?.url ?? ''
  await migratePostgres(databaseUrl)
  await runAttacks(attacks, { runtime, seconds, databaseUrl, report })
} finally {
  await postgres?.stop()
}
process.stdout.write(
  `hostile runtime=${runtime} seed=${values.seed} attacks=${attacks.length} bad=${failures} worst_ratio=${worst.toFixed(1)}\n`,
)
process.exit(failures === 0 ? 0 : 1)
