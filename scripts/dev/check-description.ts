// Checks the API description with the two linters that people run on it: Redocly's recommended rules (redocly.yaml) and
// Spectral's OpenAPI rules. Both must have nothing to say. Usage: npm run check:description
import { lintFromString, loadConfig } from '@redocly/openapi-core'
import spectralCore, { type RulesetDefinition } from '@stoplight/spectral-core'
import spectralRulesets from '@stoplight/spectral-rulesets'
import { readDescription } from '../../commands/build-description.ts'

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
