// The database: whether it answers, how quickly, and whether it has our tables; and whether the secrets in it can be opened.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { diagnoseDatabase } from '../../lib/platform/database-errors.ts'
import { migrationsOf } from '../../lib/control-plane/readiness.ts'
import { strangeKeys } from '../../lib/secrets/rotate.ts'
import { type Finding, ok, sentenceOf, skipped, warning, wrong } from './finding.ts'
import type { Place } from './place.ts'

/** From here on a message that has to look its way up is felt to be slow. Every route is one statement or more. */
const SLOW_MS = 100

export async function checkDatabase(place: Place): Promise<Finding> {
  const { database, dataDirectory } = place.config
  if (database.url === undefined) return embedded(place, resolve(dataDirectory))
  try {
    const facts = await place.database()
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
    const detail = `${whereIs(database.url)}: ${failure?.message ?? 'a statement failed'} (${sentenceOf(error)})`
    return failure === undefined ? wrong(detail) : wrong(detail, failure.remedy)
  }
}

async function embedded(place: Place, directory: string): Promise<Finding> {
  const owner = await place.embeddedOwner()
  if (owner !== undefined) return ok(`embedded in ${directory}, open in the server (${owner})`)
  const isThere = existsSync(`${directory}/postgres`)
  const what = isThere
    ? `embedded in ${directory}, opened at the next start`
    : `embedded; would be made in ${directory}`
  return place.config.fly.emulator
    ? ok(what)
    : warning(
        `${what}: only one process can use it, and nobody backs it up`,
        'export DATABASE_URL=postgres://…',
      )
}

/** Nothing of who logs in. */
function whereIs(url: string): string {
  const { host, pathname } = new URL(url)
  return `the database ${pathname.slice(1)} at ${host}`
}

export async function checkSecretsKey(place: Place): Promise<Finding> {
  const { database, secretKeys } = place.config
  const [current] = secretKeys
  if (current !== undefined && new Set(current).size < 8) {
    return wrong(
      'SECRETS_ENCRYPTION_KEY has the right length and is not random',
      'export SECRETS_ENCRYPTION_KEY=$(openssl rand -base64 32)',
    )
  }
  const facts = await place.database().catch(() => undefined)
  const previous = secretKeys.length > 1 ? `, and ${secretKeys.length - 1} that only read` : ''
  if (facts === undefined) {
    if (current !== undefined) return ok(`one that seals${previous}`)
    if (database.url === undefined) return ok('the embedded database comes with its own')
  } else {
    const strange = await strangeKeys(facts.opened.db, secretKeys).catch(() => [])
    if (strange.length > 0) {
      return wrong(
        `secrets are stored that no configured key opens (sealed with key ${strange.join(', ')})`,
        'add the key that sealed them to SECRETS_PREVIOUS_KEYS, and run: npm run secrets:rotate',
        'if it is lost: npm run secrets:rotate -- --delete-unreadable',
      )
    }
    if (current !== undefined) return ok(`opens what is stored${previous}`)
  }
  return warning(
    'SECRETS_ENCRYPTION_KEY is not set: no secrets can be stored',
    'export SECRETS_ENCRYPTION_KEY=$(openssl rand -base64 32)   # keep it',
  )
}
