// `npm run proof:slow-reader`: the long version of test/server/backpressure.test.ts, with figures. Exit code 1 if a client that
// does not read makes the server buffer more than the limits allow.
import { parseArgs } from 'node:util'
import { MOST_HELD_MB, MOST_PEAK_MB, MOST_UNREAD_MB, problemsOf } from './slow-reader/limits.ts'
import { readSlowly } from './slow-reader/slow-read.ts'

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1024' },
    pause: { type: 'string', default: '5' },
    database: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help === true) {
  console.log(
    'npm run proof:slow-reader -- [--megabytes 1024] [--pause 5] [--database URL]: streams this much through the server to a client that reads nothing for this many seconds.',
  )
  process.exit(0)
}
const megabytes = Number(values.megabytes)
const pause = Number(values.pause)
if (!(Number.isInteger(megabytes) && megabytes > 0) || !(pause >= 0 && pause <= 15)) {
  console.error('--megabytes must be a whole number, --pause a number of seconds up to 15')
  process.exit(2)
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

const read = await readSlowly({
  megabytes,
  pauseMs: pause * 1_000,
  ...(values.database === undefined ? {} : { databaseUrl: values.database }),
})
const problems = problemsOf(read)
const mb = (value: number | undefined) => (value === undefined ? '–' : `${value.toFixed(1)} MB`).padStart(10)
console.log(`sent by the agent                ${mb(read.sentMb)}`)
console.log(
  `read by the client               ${mb(read.readMb)}   ${read.isComplete ? '' : 'NOT '}the same bytes`,
)
console.log(`taken from the agent, unread      ${mb(read.unreadMb)}   at most ${MOST_UNREAD_MB}`)
console.log(`held more by the server, unread  ${mb(read.heldMb)}   at most ${MOST_HELD_MB}`)
console.log(`peak growth of its memory (RSS)  ${mb(read.peakMb)}   at most ${MOST_PEAK_MB}`)
console.log(problems.length === 0 ? 'bounded' : `NOT bounded: ${problems.join('; ')}`)
process.exitCode = problems.length === 0 ? 0 : 1
