// Writes client/api.d.ts, the types of the API, from the API description. With --check it writes nothing, and fails
// when the file belongs to another description. Usage: npm run client:types
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ApiDocument } from '../../functions/description/api-document.ts'
import { readDescription } from '../../commands/build-description.ts'

const FILE = join(import.meta.dirname, '../../client/api.d.ts')

const description = forClients(await readDescription())
const digest = createHash('sha256').update(description).digest('hex')
const FIRST_LINE = `// The types of the API, made by \`npm run client:types\` from the description ${digest}.`

if (process.argv.includes('--check')) {
  if (readFileSync(FILE, 'utf8').split('\n')[0] === FIRST_LINE) process.exit(0)
  console.error('client/api.d.ts is older than the API description: run `npm run client:types`')
  process.exit(1)
}

const directory = mkdtempSync(join(tmpdir(), 'client-types-'))
const input = join(directory, 'openapi.json')
const output = join(directory, 'api.d.ts')
writeFileSync(input, description)
const packages = ['-p', 'openapi-typescript@7', '-p', 'typescript@5']
execFileSync(
  'npx',
  ['-y', ...packages, 'openapi-typescript', '--default-non-nullable=false', input, '-o', output],
  { stdio: 'inherit' },
)
writeFileSync(FILE, `${FIRST_LINE}\n${readFileSync(output, 'utf8')}`)
rmSync(directory, { recursive: true })

/** Without what a typed client does not use: the version, webhooks, response headers, and responses of every route. */
function forClients(json: string): string {
  const document = JSON.parse(json) as ApiDocument
  document.info.version = '0.0.0'
  delete document.webhooks
  delete document.components.headers
  for (const { responses } of Object.values(document.paths).flatMap((methods) => Object.values(methods))) {
    for (const [status, response] of Object.entries(responses)) {
      if ('$ref' in response) delete responses[status]
      else delete response.headers
    }
  }
  delete document.components.responses
  return JSON.stringify(document)
}
