// `npm run bench:day`: a simulated day of many workspaces with a seeded pattern of messages, work, holds, schedules and
// machines that suspend themselves. Prints what the sleep contract promises (docs/sleep.md), and exits with 1 if it broke.
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { simulateDay } from './day/simulate.ts'
import { printJson } from './support/figures.ts'
import { benchOptions } from './support/options.ts'

const ABOUT = `A simulated day of many workspaces with a seeded pattern of messages, work, holds, schedules and machines that suspend
themselves. Ends with 1 if a promise of docs/sleep.md broke.`

const options = benchOptions('bench:day', ABOUT, {
  workspaces: { says: 'in the fleet', default: 1_000 },
  hours: { says: 'how much of the day', default: 24 },
  seed: { says: 'of the pattern', default: 1 },
  database: {
    says: 'the URL of an empty Postgres database, in place of one that is started for the run',
    default: '',
  },
})

if (options.database === '') {
  const postgres = await startPostgres()
  try {
    await run(postgres.url)
  } finally {
    await postgres.stop()
  }
} else {
  await run(options.database)
}

async function run(url: string): Promise<void> {
  const began = performance.now()
  await migratePostgres(url)
  const figures = await simulateDay({
    database: connectPostgres(url, { max: 8 }),
    workspaces: options.workspaces,
    hours: options.hours,
    seed: options.seed,
  })
  const { suspendedAtWork, suspendedEarly, excessPercent, lost, doubled } = figures
  const { losses } = figures
  if (options.json) {
    printJson([
      {
        title: 'a simulated day, suspended at work or early',
        value: suspendedAtWork + suspendedEarly,
        atMost: 0,
      },
      { title: 'a simulated day, awake in excess', value: excessPercent, unit: '%', atMost: 2 },
      { title: 'a simulated day, messages lost or doubled', value: lost + doubled, atMost: 0 },
    ])
  } else
    console.log(
      `day workspaces=${figures.workspaces} hours=${figures.hours} seed=${options.seed} messages=${figures.messages} sleeps=${figures.sleeps} awake_hours=${figures.awakeHours} | suspended_at_work=${suspendedAtWork} suspended_early=${suspendedEarly} awake_in_excess=${excessPercent}% messages_lost=${lost} messages_doubled=${doubled} seconds=${Math.round((performance.now() - began) / 1000)}`,
    )
  for (const loss of losses) console.error(`lost: ${loss}`)
  if (suspendedAtWork + suspendedEarly + lost + doubled > 0 || excessPercent > 2) process.exitCode = 1
}
