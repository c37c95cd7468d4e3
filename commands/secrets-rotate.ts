// `npm run secrets:rotate`: encrypts the stored secrets again with SECRETS_ENCRYPTION_KEY, so that SECRETS_PREVIOUS_KEYS can be
// removed.
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { openDatabase } from '../functions/node/open-database.ts'
import { ConfigError, parseConfig } from '../lib/config/config.ts'
import { deleteSealedWith, rotateSecrets, unknownKeyIds } from '../lib/secrets/rotate.ts'
import { keyIdOf } from '../lib/secrets/seal.ts'

const HELP = `npm run secrets:rotate -- [options]

Encrypts every stored secret again with SECRETS_ENCRYPTION_KEY. Keys in SECRETS_PREVIOUS_KEYS are used for decryption.
Uses DATABASE_URL or DATA_DIR of the server. With DATABASE_URL it may run beside the server. It is safe to repeat.

  1. Give the server the new key as SECRETS_ENCRYPTION_KEY and the old one as SECRETS_PREVIOUS_KEYS, everywhere.
  2. Run this.
  3. Remove SECRETS_PREVIOUS_KEYS.

  --delete-unreadable   deletes the secrets that no configured key decrypts, for a lost key
  --help
`

/** The settings of the server that this command uses. */
const SETTINGS = ['DATABASE_URL', 'DATA_DIR', 'SECRETS_ENCRYPTION_KEY', 'SECRETS_PREVIOUS_KEYS']

const { values } = parseArgs({
  options: {
    'delete-unreadable': { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help === true) {
  process.stdout.write(HELP)
  process.exit(0)
}

try {
  process.exitCode = await rotate()
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String(error)}\n`)
  process.exitCode = 1
}

async function rotate(): Promise<number> {
  const config = parseConfig(Object.fromEntries(SETTINGS.map((name) => [name, process.env[name]])))
  // A new database would have no secrets, which would look like success.
  if (config.database.url === undefined && !existsSync(`${config.dataDirectory}/postgres`)) {
    throw new ConfigError([
      `There is no database in ${config.dataDirectory}: set DATABASE_URL, or DATA_DIR, to the server's`,
    ])
  }
  const { database, secretKeys } = await openDatabase(config)
  try {
    const [current, ...previous] = secretKeys
    if (current === undefined) {
      throw new ConfigError(['SECRETS_ENCRYPTION_KEY is not set: openssl rand -base64 32'])
    }
    if (values['delete-unreadable']) {
      const strange = await unknownKeyIds(database.db, secretKeys)
      const deleted = strange.length === 0 ? 0 : await deleteSealedWith(database.db, strange)
      process.stdout.write(`deleted ${deleted} secrets that no configured key opens\n`)
    }
    const { sealed, unreadable } = await rotateSecrets(
      database.db,
      [current, ...previous],
      () => new Date(),
      (count) => process.stderr.write(`${count} …\n`),
    )
    for (const { key, why, workspaceId } of unreadable) {
      process.stderr.write(`${workspaceId ?? 'global'} ${key}: ${why}\n`)
    }
    process.stdout.write(
      `sealed ${sealed} anew with key ${await keyIdOf(current)}; ${unreadable.length} cannot be read\n`,
    )
    return unreadable.length === 0 ? 0 : 1
  } finally {
    await database.close()
  }
}
