// `npm run hostile`: one machine does its worst by a list of attacks while the messages of another workspace are measured.
import { parseArgs } from 'node:util'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { ATTACKS } from './attacks/all.ts'
import type { Runtime } from './neighbour.ts'
import { runAttacks } from './run.ts'
import { CPU_MS, createVerdict, FLOOR_MS, MOST_MEMORY_MB } from './verdict.ts'

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
  --runtime R    node (default) or workerd, with the bundle that would be deployed; may be repeated
  --database U   a Postgres with the tables of this project; default: one that is started
  --busy         the computer is busy with other work: latencies are shown and not judged, so nothing is repeated against the sink,
                 and CPU time may be four times as much
`

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rest: { type: 'string', default: '15' },
    attack: { type: 'string', multiple: true, default: [''] },
    runtime: { type: 'string', multiple: true, default: ['node'] },
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
const attacks = ATTACKS.filter(({ name }) => values.attack.some((text) => name.includes(text)))
const runtimes = values.runtime.filter((name) => name === 'node' || name === 'workerd')
if (
  !(seconds > 0) ||
  !(restSeconds >= 0) ||
  attacks.length === 0 ||
  runtimes.length < values.runtime.length
) {
  process.stderr.write(
    '--seconds must be a number above zero, --rest one that is not negative, --attack must match an attack, --runtime is node or workerd\n',
  )
  process.exit(2)
}

const print = (line: string) => process.stdout.write(`${line}\n`)

/** @returns whether an attack was bad */
async function attack(runtime: Runtime): Promise<boolean> {
  const { conclude, onQuiet, onResult } = createVerdict({ runtime, isBusy: values.busy, print })
  const postgres = values.database === undefined ? await startPostgres() : undefined
  try {
    const databaseUrl = values.database ?? postgres?.url ?? ''
    await migratePostgres(databaseUrl)
    const rest = await runAttacks(attacks, {
      runtime,
      seconds,
      restSeconds,
      databaseUrl,
      hasControl: !values.busy,
      onQuiet,
      onResult,
    })
    const bad = conclude(rest)
    print(`hostile runtime=${runtime} attacks=${attacks.length} bad=${bad.length}`)
    return bad.length > 0
  } finally {
    await postgres?.stop()
  }
}

let isBad = false
for (const runtime of runtimes) isBad = (await attack(runtime)) || isBad
process.exit(isBad ? 1 : 0)
