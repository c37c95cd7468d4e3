// `npm run bench:day`: a simulated day of many workspaces with a seeded pattern of messages, work, holds, schedules and
// machines that suspend themselves. Prints what the sleep contract promises (docs/sleep.md), and exits with 1 if it broke.
import { parseArgs } from 'node:util'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { simulateDay } from './day/simulate.ts'

const HELP = `npm run bench:day -- [options]

  --workspaces N   default 1000
  --hours N        how much of the day     default 24
  --seed N         default 1
  --database URL   an empty or migrated Postgres database; default: a server is started for the run
`

const { values } = parseArgs({
  options: {
    workspaces: { type: 'string', default: '1000' },
    hours: { type: 'string', default: '24' },
    seed: { type: 'string', default: '1' },
    database: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
})

if (values.help === true) {
  console.log(HELP)
} else if (values.database === undefined) {
  const postgres = await startPostgres()
  try {
    await run(postgres.url)
  } finally {
    await postgres.stop()
  }
} else {
  await run(values.database)
}

async function run(url: string): Promise<void> {
  const began = performance.now()
  await migratePostgres(url)
  const figures = await simulateDay({
    database: connectPostgres(url, { max: 8 }),
    workspaces: Number(values.workspaces),
    hours: Number(values.hours),
    seed: Number(values.seed),
  })
  const { suspendedAtWork, suspendedEarly, excessPercent, lost, doubled } = figures
  console.log(
    `day workspaces=${figures.workspaces} hours=${figures.hours} seed=${values.seed} messages=${figures.messages} sleeps=${figures.sleeps} awake_hours=${figures.awakeHours} | suspended_at_work=${suspendedAtWork} suspended_early=${suspendedEarly} awake_in_excess=${excessPercent}% messages_lost=${lost} messages_doubled=${doubled} seconds=${Math.round((performance.now() - began) / 1000)}`,
  )
  for (const loss of figures.losses) console.error(`lost: ${loss}`)
  if (suspendedAtWork + suspendedEarly + lost + doubled > 0 || excessPercent > 2) process.exitCode = 1
}
