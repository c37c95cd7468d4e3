// The Cloudflare entry with Neon over HTTP as its database: what wrangler.toml deploys.
import { connectNeon } from '../drizzle/drivers/neon.ts'
import { createWorker } from './worker/create-worker.ts'

export default createWorker({
  settings: (env) => env,
  connect: ({ neonEndpoint, timeoutMs, url }) => connectNeon(url, { endpoint: neonEndpoint, timeoutMs }),
})
