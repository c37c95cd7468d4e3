// The Cloudflare entry with any Postgres through Hyperdrive as its database: wrangler.toml's environment
// `hyperdrive`. It is a separate entry because node-postgres needs Node's API.
import { connectHyperdrive, onConnection } from '../drizzle/drivers/hyperdrive.ts'
import { ConfigError } from '../lib/config/config.ts'
import { createWorker } from './worker/create-worker.ts'

/** The Hyperdrive binding: https://developers.cloudflare.com/hyperdrive/. */
type Binding = { connectionString: string }

export default createWorker({
  settings: (env) => ({ ...env, DATABASE_URL: bindingOf(env).connectionString }),
  connect: ({ timeoutMs }) => connectHyperdrive({ timeoutMs }),
  during: (env, work) => onConnection(bindingOf(env).connectionString, work),
})

function bindingOf({ HYPERDRIVE: binding }: Record<string, unknown>): Binding {
  if (typeof binding === 'object' && binding !== null && 'connectionString' in binding)
    return binding as Binding
  throw new ConfigError(['HYPERDRIVE is missing: bind one in wrangler.toml, under [env.hyperdrive]'])
}
