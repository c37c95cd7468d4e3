// Proves that four generators of others make clients that compile under strict settings and work with a token: each makes one
// from the served /openapi.json, and a program that uses it is compiled and run against the server. The first run
// installs the generators into .cache/generators. Usage: npm run proof:generators [-- NAME…]
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { NotInstalled, preparePart, Unavailable } from '../field/parts.ts'
import { type FuzzServer, startFuzzServer } from '../fuzz/server.ts'
import { GENERATORS } from './steps.ts'

const CACHE = fileURLToPath(new URL('../../.cache/generators', import.meta.url))

/** @returns the sentence that is printed for the generator, and whether it is good news */
async function prove(
  name: string,
  server: FuzzServer,
  token: string,
): Promise<{ isGood: boolean; says: string }> {
  const generator = GENERATORS[name]
  if (generator === undefined)
    return { isGood: false, says: `unknown; known are ${Object.keys(GENERATORS).join(', ')}` }
  try {
    const { path } = preparePart(CACHE, name, generator.part)
    await generator.prove(path, { url: server.url, token })
    const left = server.machines().length
    return left === 0
      ? { isGood: true, says: 'compiles; creates, lists, reads and removes' }
      : { isGood: false, says: `${left} machines are left` }
  } catch (error) {
    if (error instanceof Unavailable) return { isGood: true, says: `SKIPPED: ${error.message}` }
    const needs = error instanceof NotInstalled ? 'The first run needs npm and PyPI. ' : ''
    return { isGood: false, says: `${needs}${error instanceof Error ? error.message : String(error)}` }
  }
}

mkdirSync(CACHE, { recursive: true })
const server = await startFuzzServer({ MOLECULE_COMPAT: 'false' })
const stopPasses = server.keepPassing()
const token = await server.createToken('operate')
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(GENERATORS)
let failures = 0
for (const name of names) {
  const { isGood, says } = await prove(name, server, token)
  if (!isGood) failures++
  console.log(`${name}: ${says}`)
}
stopPasses()
await server.close()
console.log(`generators proven=${names.length - failures} failures=${failures}`)
process.exit(failures === 0 ? 0 : 1)
