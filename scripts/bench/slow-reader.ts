// `npm run proof:slow-reader`: the long version of test/system/server/backpressure.test.ts, with figures. Exit code 1 if a client that
// does not read makes the server buffer more than the limits allow.
import { MOST_HELD_MB, MOST_PEAK_MB, MOST_UNREAD_MB, problemsOf } from './slow-reader/limits.ts'
import { readSlowly } from './slow-reader/slow-read.ts'
import { printJson } from './support/figures.ts'
import { benchOptions, refuse } from './support/options.ts'

const { database, json, megabytes, pause } = benchOptions(
  'proof:slow-reader',
  'Streams through the server to a client that reads nothing for a while.',
  {
    megabytes: { says: 'of the stream', default: 1024 },
    pause: { says: 'seconds without reading, up to 15', default: 5 },
    database: { says: 'the URL of a Postgres database, in place of the embedded one', default: '' },
  },
)
if (!Number.isInteger(megabytes) || pause > 15) {
  refuse('--megabytes must be a whole number, --pause a number of seconds up to 15')
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

const read = await readSlowly({
  megabytes,
  pauseMs: pause * 1_000,
  ...(database === '' ? {} : { databaseUrl: database }),
})
const problems = problemsOf(read)
if (json) {
  printJson([
    {
      title: 'a client that reads nothing, taken from the agent',
      value: read.unreadMb,
      unit: 'MB',
      atMost: MOST_UNREAD_MB,
    },
    {
      title: 'a client that reads nothing, held by the server',
      value: read.heldMb ?? Number.NaN,
      unit: 'MB',
      atMost: MOST_HELD_MB,
    },
    {
      title: 'a client that reads nothing, memory at its peak',
      value: read.peakMb ?? Number.NaN,
      unit: 'MB',
      atMost: MOST_PEAK_MB,
    },
  ])
} else {
  const mb = (value: number | undefined) =>
    (value === undefined ? '–' : `${value.toFixed(1)} MB`).padStart(10)
  console.log(`sent by the agent                ${mb(read.sentMb)}`)
  console.log(
    `read by the client               ${mb(read.readMb)}   ${read.isComplete ? '' : 'NOT '}the same bytes`,
  )
  console.log(`taken from the agent, unread      ${mb(read.unreadMb)}   at most ${MOST_UNREAD_MB}`)
  console.log(`held more by the server, unread  ${mb(read.heldMb)}   at most ${MOST_HELD_MB}`)
  console.log(`peak growth of its memory (RSS)  ${mb(read.peakMb)}   at most ${MOST_PEAK_MB}`)
  console.log(problems.length === 0 ? 'bounded' : `NOT bounded: ${problems.join('; ')}`)
}
process.exitCode = problems.length === 0 ? 0 : 1
