// Checks the API description with the two linters that people run on it: Redocly's recommended rules (redocly.yaml) and
// Spectral's OpenAPI rules. Both must have nothing to say. Usage: npm run check:description
import { lintFromString, loadConfig } from '@redocly/openapi-core'
import spectralCore, { type RulesetDefinition } from '@stoplight/spectral-core'
import spectralRulesets from '@stoplight/spectral-rulesets'
import { drizzle } from 'drizzle-orm/node-postgres'
import { createApp } from '../../functions/app.ts'
import { parseConfig } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'

const PUBLIC_URL = 'https://agents.fly.dev'

/** The description of a server that has no database: no request is sent. */
async function readDescription(): Promise<string> {
  const services = createServices(
    parseConfig({ PUBLIC_URL }),
    { db: drizzle.mock(), driver: 'postgres', close: async () => {} },
    { fetch, log: () => {}, canRunInBackground: false },
  )
  const response = await createApp(services, { loopback: false }).request('/openapi.json')
  return response.text()
}

async function redocly(source: string): Promise<string[]> {
  const config = await loadConfig({ configPath: 'redocly.yaml' })
  const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config })
  return problems.map(
    ({ location, message, ruleId, severity }) =>
      `redocly ${severity} ${ruleId}: ${message} at ${location[0]?.pointer ?? ''}`,
  )
}

async function spectral(source: string): Promise<string[]> {
  const linter = new spectralCore.Spectral()
  linter.setRuleset({ extends: spectralRulesets.oas as RulesetDefinition })
  const results = await linter.run(source)
  return results.map(({ code, message, path }) => `spectral ${code}: ${message} at ${path.join('.')}`)
}

const source = await readDescription()
const problems = [...(await redocly(source)), ...(await spectral(source))]
for (const problem of problems) console.error(problem)
console.log(`${problems.length} problems in ${Math.round(source.length / 1024)} KiB of description`)
process.exit(problems.length === 0 ? 0 : 1)
