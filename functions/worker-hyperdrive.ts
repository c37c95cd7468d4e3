// Cloudflare entry, with any Postgres through Hyperdrive as the database: wrangler.toml's environment `hyperdrive`. Node-postgres
// needs Node's API, which is why this is an entry of its own.
import { answersFromCache, connectHyperdrive, onConnection } from '../drizzle/hyperdrive.ts'
import type { Database } from '../drizzle/database.ts'
import { ConfigError } from '../lib/config.ts'
import { createWorker } from './create-worker.ts'

/** What Cloudflare binds: https://developers.cloudflare.com/hyperdrive/. */
type Binding = { connectionString: string }

export default createWorker({
  settings: (env) => ({ ...env, DATABASE_URL: bindingOf(env).connectionString }),
  connect: (_database, budget) => connectHyperdrive(budget),
  during: (env, database, work) =>
    onConnection(bindingOf(env).connectionString, async () => {
      await refuseCache(database)
      return work()
    }),
})

// Once per isolate, and until it is so.
let isFresh = false

/** @throws ConfigError when reads come from a cache */
async function refuseCache(database: Database): Promise<void> {
  if (isFresh) return
  let isCached: boolean
  try {
    isCached = await answersFromCache(database, new Date())
  } catch {
    // It does not answer, or has no tables: whoever needs it says so.
    return
  }
  if (isCached) {
    throw new ConfigError([
      "Hyperdrive's cache is on, and would show statuses and leases as they were: npx wrangler hyperdrive update ID --caching-disabled true",
    ])
  }
  isFresh = true
}

function bindingOf({ HYPERDRIVE: binding }: Record<string, unknown>): Binding {
  if (typeof binding === 'object' && binding !== null && 'connectionString' in binding)
    return binding as Binding
  throw new ConfigError(['HYPERDRIVE is missing: bind one in wrangler.toml, under [env.hyperdrive]'])
}
