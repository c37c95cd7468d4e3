// `npm run bench:proxy`: the cost of this server as a proxy to an agent, compared with other proxies to the same agent in the
// same run, so that the ratios hold on any computer.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { goalsOf, table } from './proxy/report.ts'
import { isDatabaseKind, isTargetName, TARGET_NAMES } from './proxy/targets.ts'
import { runBench } from './proxy/run.ts'

const HELP = `npm run bench:proxy -- [options]

Compares ways to reach one agent: direct; ours, the real server with access control, limits and activity; nginx,
if it is installed; node, the floor: node:http and undici alone; and two minimal proxies written with Hono, one with fetch
and one with undici. Agent, clients and each
proxy are separate processes. Each figure is measured in turns, and the median of the rounds is printed.

  --seconds N        for each figure of each target        default 3
  --rounds N         divides the seconds into rounds       default 8
  --only NAMES       some of ${TARGET_NAMES.join(',')}
  --database KIND    of this server: pglite or postgres    default pglite
  --json             prints the figures as JSON

Memory is measured after a garbage collection. A dash: not available on this system, or without meaning.
`

/** A run that takes this many times its expected duration is stuck. */
const STUCK_FACTOR = 5

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '8' },
    only: { type: 'string', default: TARGET_NAMES.join(',') },
    database: { type: 'string', default: 'pglite' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help === true) {
  console.log(HELP)
  process.exit(0)
}

const { database } = values
const seconds = Number(values.seconds)
const rounds = Number(values.rounds)
const only = values.only.split(',')
const unknownName = only.find((name) => !isTargetName(name))
if (!(seconds > 0 && seconds <= 600)) refuse('--seconds must be a number up to 600')
if (!(Number.isInteger(rounds) && rounds > 0)) refuse('--rounds must be a whole number')
if (unknownName !== undefined) refuse(`--only: ${unknownName} is not one of ${TARGET_NAMES.join(', ')}`)
if (!isDatabaseKind(database)) refuse('--database must be pglite or postgres')
const names = TARGET_NAMES.filter((name) => only.includes(name))

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
const expectedSeconds = names.length * (10 + 10 * seconds + rounds)
setTimeout(() => end(1, 'the run is stuck'), STUCK_FACTOR * expectedSeconds * 1_000).unref()

const measured = await runBench({ names, seconds, rounds, database, report: (line) => console.error(line) })
if (values.json) console.log(JSON.stringify({ figures: measured, goals: goalsOf(measured) }, undefined, 2))
else {
  console.log(
    `${availableParallelism()} processors, Node ${process.version}, ${database}; median of ${rounds} rounds, ${seconds} s for each figure\n`,
  )
  console.log(table(measured))
}

function refuse(message: string): never {
  return end(2, message)
}

function end(code: number, message: string): never {
  console.error(message)
  process.exit(code)
}
