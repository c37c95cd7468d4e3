// `npm run db:migrate`: brings the Postgres at DATABASE_URL up to date. A step of a deploy; no request runs it.
import { findUrlMistake } from './connection-string.ts'
import { diagnoseDriver } from './database-failure.ts'
import { migratePostgres } from './drivers/migrate-postgres.ts'

const WAIT_SECONDS = 120

const print = (line: string) => process.stdout.write(`${line}\n`)

/** Ends the process with one line. */
function fail(line: string, code: 1 | 2): never {
  process.stderr.write(`${line}\n`)
  process.exit(code)
}

const { DATABASE_URL: url = '', MIGRATE_WAIT_SECONDS: wait = '' } = process.env
if (url === '') fail('DATABASE_URL is not set: it names the database to migrate.', 2)
const mistake = findUrlMistake(url)
if (mistake !== undefined) fail(`DATABASE_URL ${mistake}.`, 2)
const waitSeconds = wait === '' ? WAIT_SECONDS : Number(wait)
if (!(waitSeconds >= 0)) fail('MIGRATE_WAIT_SECONDS must be a number of seconds, 0 or more.', 2)

try {
  const { applied, isNewer } = await migratePostgres(url, {
    waitMs: waitSeconds * 1000,
    onWait: ({ message }) => print(`Waiting up to ${waitSeconds} s, because ${message}.`),
  })
  for (const name of applied) print(`applied ${name}`)
  print(
    isNewer
      ? 'The schema is from a newer version and was not changed. Migrations only add, so this version works with it.'
      : 'The schema is up to date.',
  )
} catch (error) {
  const failure = diagnoseDriver(error)
  const { cause = error } = error as Error
  const text = cause instanceof Error ? cause.message || String(cause) : String(cause)
  fail(
    failure === undefined || failure.kind === 'unmigrated'
      ? `Nothing was migrated: ${text}`
      : `Nothing was migrated: ${failure.message} (${text}). Remedy: ${failure.remedy}.`,
    1,
  )
}
