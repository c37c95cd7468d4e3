// Opens the database of a Node process, and loads the keys of the secrets in it. Without settings both are embedded,
// so that the server starts with one command.
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OpenDatabase, Statement } from '../../drizzle/database.ts'
import { connectPglite } from '../../drizzle/drivers/pglite.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import type { Config } from '../../lib/config/config.ts'
import { decodeBase64, encodeBase64 } from '../../lib/platform/encoding.ts'
import { KEY_BYTES } from '../../lib/secrets/seal.ts'
import type { Tracer } from '../../lib/platform/trace.ts'
import { makeDirectory } from './make-directory.ts'

export type OpenData = { database: OpenDatabase; secretKeys: Uint8Array[] }

/**
 * @param tracer records each statement as a span
 * @throws DirectoryInUse when another process has the embedded database open
 */
export async function openDatabase(
  { database, dataDirectory, secretKeys }: Config,
  tracer?: Tracer,
): Promise<OpenData> {
  const watch = tracer === undefined ? undefined : recordTo(tracer)
  if (database.url !== undefined)
    return { database: connectPostgres(database.url, { timeoutMs: database.timeoutMs, watch }), secretKeys }
  makeDirectory(dataDirectory)
  return {
    database: await connectPglite(`${dataDirectory}/postgres`, { watch }),
    secretKeys: secretKeys.length > 0 ? secretKeys : [await embeddedKey(dataDirectory)],
  }
}

/**
 * Created at the first start and kept beside the embedded database. It protects a copy of the database, but not
 * against a reader of the whole directory.
 */
async function embeddedKey(dataDirectory: string): Promise<Uint8Array> {
  const path = join(dataDirectory, 'secrets.key')
  try {
    // `wx` never overwrites a key: secrets that it has sealed would be lost.
    const file = await open(path, 'wx', 0o600)
    try {
      await file.write(encodeBase64(crypto.getRandomValues(new Uint8Array(KEY_BYTES))))
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return decodeBase64((await readFile(path, 'utf8')).trim())
}

/** The longest statement in a span, in characters. */
const MAX_STATEMENT = 1_000

/** Records statements as spans. Their text has placeholders, not values. */
const recordTo =
  (tracer: Tracer) =>
  ({ failed, ms, text }: Statement): void => {
    const verb = /^\s*(\w+)/.exec(text)?.[1]?.toLowerCase() ?? 'statement'
    tracer.record(`sql ${verb}`, ms, {
      kind: 'client',
      attributes: { 'db.system.name': 'postgresql', 'db.query.text': text.slice(0, MAX_STATEMENT) },
      failed,
    })
  }
