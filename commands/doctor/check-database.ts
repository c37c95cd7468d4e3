// The database: whether it answers, its latency, whether its migrations are current, and whether its secrets can be decrypted.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { diagnoseDatabase } from '../../lib/platform/database-errors.ts'
import { migrationsOf } from '../../lib/control-plane/readiness.ts'
import { unknownKeyIds } from '../../lib/secrets/rotate.ts'
import { type Finding, ok, messageOf, skipped, warning, wrong } from './finding.ts'
import type { DoctorContext } from './context.ts'

/** From this latency on requests are noticeably slow, in milliseconds: every route needs at least one statement. */
const SLOW_MS = 100

export async function checkDatabase(context: DoctorContext): Promise<Finding> {
  const { database, dataDirectory } = context.config
  if (database.url === undefined) return embedded(context, resolve(dataDirectory))
  try {
    const facts = await context.database()
    if (facts === undefined) return skipped('it is embedded')
    const { latencyMs, opened, version } = facts
    const about = `Postgres ${version}, ${latencyMs.toFixed(1)} ms a statement`
    const migrations = await migrationsOf(opened.db)
    if (migrations === 'behind') return wrong(`${about}; its migrations are behind`, 'npm run db:migrate')
    if (migrations === 'ahead')
      return warning(`${about}; a newer version of this program has migrated it`, 'git pull && npm ci')
    if (latencyMs > SLOW_MS)
      return warning(
        `${about}: far away; migrations are current`,
        'put the server and its database into one region',
      )
    return ok(`${about}; migrations are current`)
  } catch (error) {
    const failure = diagnoseDatabase(error)
    const detail = `${describeUrl(database.url)}: ${failure?.message ?? 'a statement failed'} (${messageOf(error)})`
    return failure === undefined ? wrong(detail) : wrong(detail, failure.remedy)
  }
}

async function embedded(context: DoctorContext, directory: string): Promise<Finding> {
  const owner = await context.embeddedOwner()
  if (owner !== undefined) return ok(`embedded in ${directory}, open in the server (${owner})`)
  const isThere = existsSync(`${directory}/postgres`)
  const what = isThere
    ? `embedded in ${directory}, opened at the next start`
    : `embedded; would be created in ${directory}`
  return context.config.backend === 'emulator'
    ? ok(what)
    : warning(
        `${what}: only one process can use it, and it has no backup`,
        'export DATABASE_URL=postgres://…',
      )
}

/** The URL without user and password. */
function describeUrl(url: string): string {
  const { host, pathname } = new URL(url)
  return `the database ${pathname.slice(1)} at ${host}`
}

export async function checkSecretsKey(context: DoctorContext): Promise<Finding> {
  const { database, secretKeys } = context.config
  const [current] = secretKeys
  if (current !== undefined && new Set(current).size < 8) {
    return wrong(
      'SECRETS_ENCRYPTION_KEY has the right length and is not random',
      'export SECRETS_ENCRYPTION_KEY=$(openssl rand -base64 32)',
    )
  }
  const facts = await context.database().catch(() => undefined)
  const previous = secretKeys.length > 1 ? `, and ${secretKeys.length - 1} for decryption only` : ''
  if (facts === undefined) {
    if (current !== undefined) return ok(`one key${previous}`)
    if (database.url === undefined) return ok('the embedded database has its own key')
  } else {
    const strange = await unknownKeyIds(facts.opened.db, secretKeys).catch(() => [])
    if (strange.length > 0) {
      return wrong(
        `no configured key decrypts some stored secrets (encrypted with key ${strange.join(', ')})`,
        'add the key that encrypted them to SECRETS_PREVIOUS_KEYS, and run: npm run secrets:rotate',
        'if it is lost: npm run secrets:rotate -- --delete-unreadable',
      )
    }
    if (current !== undefined) return ok(`decrypts what is stored${previous}`)
  }
  return warning(
    'SECRETS_ENCRYPTION_KEY is not set: no secrets can be stored',
    'export SECRETS_ENCRYPTION_KEY=$(openssl rand -base64 32)   # store it safely',
  )
}
