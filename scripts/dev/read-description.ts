// The API description of a server that has no database and sends no request, for scripts that check it or build from it.
import { drizzle } from 'drizzle-orm/node-postgres'
import { createApp } from '../../functions/app.ts'
import { parseConfig } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'

const PUBLIC_URL = 'https://agents.fly.dev'

/** @returns the document as JSON */
export async function readDescription(): Promise<string> {
  const services = createServices(
    parseConfig({ PUBLIC_URL }),
    { db: drizzle.mock(), driver: 'postgres', close: async () => {} },
    { fetch, log: () => {}, canRunInBackground: false },
  )
  const response = await createApp(services, { loopback: false }).request('/openapi.json')
  return response.text()
}
