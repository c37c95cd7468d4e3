// `npm run db:migrate`: brings the Postgres behind DATABASE_URL up to date. Run before a deploy, never by a request.
import { migratePostgres } from './postgres.ts'

const url = process.env['DATABASE_URL']
if (url === undefined || url === '') {
  process.stderr.write('DATABASE_URL is not set: which database is to be migrated?\n')
  process.exit(2)
}
await migratePostgres(url)
process.stdout.write('The schema is up to date.\n')
