// Runs the tests against programs that nobody here wrote (test/field/foreign): agents and clients of other SDKs, and a pooler.
// The first run installs them into .cache/field. Usage: npm run test:field [-- vitest arguments]
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { NotInstalled, PARTS, preparePart, Unavailable } from './parts.ts'

const cache = fileURLToPath(new URL('../../.cache/field', import.meta.url))
mkdirSync(cache, { recursive: true })
const paths: Record<string, string> = {}
const skipped: string[] = []
for (const [name, part] of Object.entries(PARTS)) {
  try {
    const { isNew, path } = preparePart(cache, name, part)
    console.log(`${name}: ${isNew ? 'installed' : 'in the cache'}`)
    paths[name] = path
  } catch (error) {
    if (error instanceof Unavailable) {
      skipped.push(`${name}: ${error.message}`)
      continue
    }
    if (!(error instanceof NotInstalled)) throw error
    console.error(
      `${name} could not be installed. The first run needs a network with the package registries of Python, Go and Debian.\n${error.message}`,
    )
    process.exit(1)
  }
}
for (const one of skipped) console.log(`SKIPPED ${one}`)
const config = fileURLToPath(new URL('../../test/field/foreign/vitest.config.ts', import.meta.url))
const { status } = spawnSync('vitest', ['run', '--config', config, ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, FIELD_PARTS: JSON.stringify(paths) },
})
for (const one of skipped) console.log(`SKIPPED ${one}`)
process.exitCode = status ?? 1
