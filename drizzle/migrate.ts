// `npm run db:migrate`: brings the Postgres behind DATABASE_URL up to date. Run before a deploy, never by a request.
import { migratePostgres } from './drivers/postgres.ts'

const url = process.env['DATABASE_URL']
if (url === undefined || url === '') {
  process.stderr.write('DATABASE_URL is not set: which database is to be migrated?\n')
  process.exit(2)
}
try {
  const { applied, isNewer } = await migratePostgres(url)
  for (const name of applied) process.stdout.write(`applied ${name}\n`)
  process.stdout.write(
    isNewer
      ? 'The schema is of a newer version, and was left as it is: migrations only add, so this version works with it.\n'
      : 'The schema is up to date.\n',
  )
} catch (error) {
  const { cause = error } = error as Error
  process.stderr.write(
    `Nothing was migrated: ${cause instanceof Error ? cause.message || String(cause) : String(cause)}\n`,
  )
  process.exit(1)
}
