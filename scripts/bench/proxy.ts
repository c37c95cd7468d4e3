// `npm run bench:proxy`: the cost of this server as a proxy to an agent, compared with other proxies to the same agent in the
// same run, so that the ratios hold on any computer.
import { availableParallelism } from 'node:os'
import { goalsOf, table } from './proxy/report.ts'
import { isDatabaseKind, isTargetName, TARGET_NAMES } from './proxy/targets.ts'
import { runBench } from './proxy/run.ts'
import { printJson } from './support/figures.ts'
import { benchOptions, refuse } from './support/options.ts'

const ABOUT = `Compares ways to reach one agent: direct; ours, the real server with access control, limits and activity; node, the floor:
node:http and undici alone; go, the reverse proxy of Go's standard library, and nginx, where these are installed; and two minimal
proxies written with Hono, one with fetch and one with undici. Agent, clients and each proxy are separate processes. Each figure is
measured in turns, and the median of the rounds is printed; a ratio is the median of those of each round. Memory is measured after a
garbage collection. A dash: not available on this system, or without meaning.`

/** A run that takes this many times its expected duration is stuck. */
const STUCK_FACTOR = 5

const options = benchOptions('bench:proxy', ABOUT, {
  seconds: { says: 'for each figure of each target', default: 3 },
  rounds: { says: 'divides the seconds into rounds', default: 8 },
  only: { says: 'some of the targets', default: TARGET_NAMES.join(',') },
  database: { says: 'of this server: pglite or postgres', default: 'pglite' },
})
const { database, rounds, seconds } = options
const only = options.only.split(',')
const unknownName = only.find((name) => !isTargetName(name))
if (!Number.isInteger(rounds)) refuse('--rounds must be a whole number')
if (unknownName !== undefined) refuse(`--only: ${unknownName} is not one of ${TARGET_NAMES.join(', ')}`)
if (!isDatabaseKind(database)) refuse('--database must be pglite or postgres')
const names = TARGET_NAMES.filter((name) => only.includes(name))

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
const expectedSeconds = names.length * (10 + 10 * seconds + rounds)
setTimeout(
  () => {
    console.error('the run is stuck')
    process.exit(1)
  },
  STUCK_FACTOR * expectedSeconds * 1_000,
).unref()

const measured = await runBench({ names, seconds, rounds, database, report: (line) => console.error(line) })
if (options.json) printJson(goalsOf(measured))
else {
  console.log(
    `${availableParallelism()} processors, Node ${process.version}, ${database}; median of ${rounds} rounds, ${seconds} s for each figure\n`,
  )
  console.log(table(measured))
}
