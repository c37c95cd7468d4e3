// `npm run hostile`: one machine does its worst by a list of attacks while the messages of another workspace are measured.
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { ATTACKS } from './attacks/all.ts'
import type { Measurement } from './neighbour.ts'
import { type AttackResult, runAttacks } from './run.ts'

/** More than in the quiet. Cloudflare allows a Worker 128 MB, of which this one holds less than 10 in the quiet. */
const MOST_MEMORY_MB = { node: 400, workerd: 100 }
const FLOOR_MS = 100
const LIVEZ_MS = 1_000
const CPU_MS = 50
/** Processors that are shared take longer for the same work. */
const BUSY_CPU_MS = 200

const HELP = `npm run hostile -- [options]

Runs the real server with a Postgres and two workspaces, with the default limits. One machine attacks; messages to the other one
are measured. Senders, agents and Postgres use the same processors as the server, so each attack is repeated against a bare sink
beside the server (the control), with as many rounds and bytes as the server took.

Fails if an attack does not reach its aim, if a message to the neighbour fails, if its 99th percentile is over twice the larger of its quiet value and its value during
the control (and over ${FLOOR_MS} ms), if /livez takes longer than a second, if the server holds more than ${MOST_MEMORY_MB.node} MB more than before (in workerd the Worker ${MOST_MEMORY_MB.workerd} MB, after a garbage collection),
or if it works for more than ${CPU_MS} ms of CPU time without a turn of its event loop. In workerd, attacks that stop the runtime itself
run last, are reported as known, and are no failure.

  --seconds N    how long each attack and its control last; default 3
  --rest N       seconds without messages before the memory is measured at the end; default 15
  --attack TEXT  only attacks whose name contains this text; may be repeated
  --sample N     only N attacks, chosen by the seed; default: all
  --seed N       default 1
  --runtime R    node (default) or workerd, with the bundle that would be deployed
  --database U   a Postgres with the tables of this project; default: one that is started
  --busy         the computer is busy with other work: latencies are shown and not judged, so nothing is repeated against the sink,
                 and CPU time may be four times as much
`

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rest: { type: 'string', default: '15' },
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
const restSeconds = Number(values.rest)
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
if (
  !(seconds > 0) ||
  !(restSeconds >= 0) ||
  attacks.length === 0 ||
  (runtime !== 'node' && runtime !== 'workerd')
) {
  process.stderr.write(
    '--seconds must be a number above zero, --rest one that is not negative, --attack must match an attack, --runtime is node or workerd\n',
  )
  process.exit(2)
}

const ms = (value: number | undefined) => `${value?.toFixed(1) ?? '-'} ms`
const print = (line: string) => process.stdout.write(`${line}\n`)
const describe = ({
  cores,
  failed,
  longestCpuMs,
  memoryMb,
  messages,
  slowestLivezMs,
  workP99Ms,
}: Measurement) =>
  `server worked p99 ${ms(workP99Ms)}, ${messages} messages, ${failed} failed, slowest /livez ${ms(slowestLivezMs)}, longest CPU ${ms(longestCpuMs)}, ${cores?.toFixed(1) ?? '-'} cores, ${memoryMb ?? '-'} MB`

let quiet: Measurement | undefined
const overQuiet: string[] = []
const overBoth: string[] = []
const bad: string[] = []
const stopped: string[] = []
let mostMemoryMb = 0
let mostWorkMs = 0

const onQuiet = (measured: Measurement) => {
  quiet = measured
  print(`ok  nothing (the quiet values): p99 ${ms(measured.p99Ms)}, ${describe(measured)}`)
}

const onResult = ({ answers, attack, control, name, statuses }: AttackResult) => {
  if (quiet === undefined) throw new Error('the quiet values come first')
  const larger = Math.max(quiet.p99Ms, control?.p99Ms ?? 0)
  const ratio = attack.p99Ms / larger
  const figures = `p99 ${ms(quiet.p99Ms)} quiet / ${ms(control?.p99Ms)} control / ${ms(attack.p99Ms)} attack (${ratio.toFixed(1)} ×)`
  if (attack.p99Ms > 2 * quiet.p99Ms) overQuiet.push(name)
  if (ratio > 2) overBoth.push(`${name}: ${figures}`)
  mostMemoryMb = Math.max(mostMemoryMb, attack.memoryMb ?? 0)
  mostWorkMs = Math.max(mostWorkMs, attack.workP99Ms ?? 0)
  const isSlow = (ratio > 2 && attack.p99Ms > FLOOR_MS) || attack.slowestLivezMs > LIVEZ_MS
  const known = ATTACKS.find((one) => one.name === name)
  // On a busy computer a large message may take longer than its attack lasts.
  const wasHeard =
    values.busy || answers > 0 || (known?.answer === undefined && Object.keys(statuses).length > 0)
  const hasReached = wasHeard && (known?.isAnonymous === true || statuses[401] === undefined)
  const isBad =
    attack.failed > 0 ||
    !hasReached ||
    (isSlow && !values.busy) ||
    (attack.memoryMb ?? 0) - (quiet.memoryMb ?? 0) > MOST_MEMORY_MB[runtime] ||
    (attack.longestCpuMs ?? 0) > (values.busy ? BUSY_CPU_MS : CPU_MS)
  const isKnown = isBad && runtime === 'workerd' && known?.stopsWorkerd === true
  if (isKnown) stopped.push(name)
  else if (isBad) bad.push(name)
  print(
    `${isKnown ? 'known' : isBad ? 'BAD' : 'ok '} ${name}: ${figures}, ${describe(attack)}, attacker got ${JSON.stringify(statuses)}, ${answers} hostile answers${hasReached ? '' : ' (the attack was refused as a whole: it proves nothing)'}`,
  )
}

const postgres = values.database === undefined ? await startPostgres() : undefined
try {
  const databaseUrl = values.database ?? postgres?.url ?? ''
  await migratePostgres(databaseUrl)
  const { memoryMb, quietAgain } = await runAttacks(attacks, {
    runtime,
    seconds,
    restSeconds,
    databaseUrl,
    hasControl: !values.busy,
    onQuiet,
    onResult,
  })
  print(`ok  nothing (again, at the end): p99 ${ms(quietAgain.p99Ms)}, ${describe(quietAgain)}`)
  for (const line of overBoth) print(`over twice the larger of quiet and control: ${line}`)
  print(`over twice the quiet value: ${overQuiet.length} of ${attacks.length}`)
  print(`over twice the larger of quiet and control: ${overBoth.length} of ${attacks.length}`)
  print(`p99 of the server's work during a message: ${ms(quiet?.workP99Ms)} quiet, at most ${ms(mostWorkMs)}`)
  print(
    `memory: ${quiet?.memoryMb ?? '-'} MB quiet, at most ${mostMemoryMb} MB, ${memoryMb ?? '-'} MB after a rest`,
  )
} finally {
  await postgres?.stop()
}
for (const name of stopped)
  print(`known, because the runtime reads it and this project never sees it: ${name}`)
for (const name of bad) print(`bad: ${name}`)
print(`hostile runtime=${runtime} seed=${values.seed} attacks=${attacks.length} bad=${bad.length}`)
process.exit(bad.length === 0 ? 0 : 1)
