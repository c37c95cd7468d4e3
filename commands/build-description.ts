// The API description of a server that has no database and sends no request: the file that Workers deliver, and what scripts check
// or build from.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drizzle } from 'drizzle-orm/node-postgres'
import { createApp } from '../functions/app.ts'
import { DESCRIPTION_PATH } from '../functions/description/asset.ts'
import { describeApi } from '../functions/description/describe-api.ts'
import { parseConfig } from '../lib/config/config.ts'
import { createServices } from '../lib/control-plane/create-services.ts'

/** @returns the document as JSON, for the server that it is read from */
export async function readDescription(): Promise<string> {
  const services = createServices(
    parseConfig({}),
    { db: drizzle.mock(), driver: 'postgres', close: async () => {} },
    { fetch, log: () => {} },
  )
  const app = createApp(services, { loopback: false }, { describeApi })
  const response = await app.request('/openapi.json')
  return response.text()
}

/** @param assets the directory of the files that are deployed beside the Worker */
export async function buildDescription(assets: string): Promise<void> {
  writeFileSync(join(assets, DESCRIPTION_PATH), await readDescription())
}
