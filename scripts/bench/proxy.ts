// `npm run bench:proxy`: what our road from a client to an agent costs, beside other roads to the same agent in the same run,
// so that the ratios hold on any computer, also a noisy one.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { aimsOf, table } from './proxy/report.ts'
import { isDatabaseKind, isRoadName, ROAD_NAMES } from './proxy/roads.ts'
import { runBench } from './proxy/run.ts'

const HELP = `npm run bench:proxy -- [options]

Measures roads to one agent, side by side: direct; ours, the real server with access control, limits and activity on; nginx,
where it is installed; and two bare proxies written with Hono, one with fetch and one with undici. Agent, clients and each
proxy are processes of their own. The roads take turns at every figure, and the median of the rounds is printed.

  --seconds N        for each figure of each road          default 3
  --rounds N         in so many parts                      default 8
  --only NAMES       some of ${ROAD_NAMES.join(',')}
  --database KIND    of our server: pglite or postgres     default pglite
  --json             prints the figures as JSON

Memory is what a process holds after its garbage has been collected. A dash: cannot be known here, or has no meaning.
`

/** Nothing takes this many times as long as it should unless it is stuck. */
const PATIENCE = 5

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '8' },
    only: { type: 'string', default: ROAD_NAMES.join(',') },
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
const stranger = only.find((name) => !isRoadName(name))
if (!(seconds > 0 && seconds <= 600)) refuse('--seconds must be a number up to 600')
if (!(Number.isInteger(rounds) && rounds > 0)) refuse('--rounds must be a whole number')
if (stranger !== undefined) refuse(`--only: ${stranger} is not one of ${ROAD_NAMES.join(', ')}`)
if (!isDatabaseKind(database)) refuse('--database must be pglite or postgres')
const names = ROAD_NAMES.filter((name) => only.includes(name))

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
const expectedSeconds = names.length * (10 + 10 * seconds + rounds)
setTimeout(() => end(1, 'the run is stuck'), PATIENCE * expectedSeconds * 1_000).unref()

const measured = await runBench({ names, seconds, rounds, database, say: (line) => console.error(line) })
if (values.json) console.log(JSON.stringify({ figures: measured, aims: aimsOf(measured) }, undefined, 2))
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
