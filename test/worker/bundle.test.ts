// The bundle of the Worker, as it would be deployed: its modules. size.test.ts measures it.
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { beforeAll, expect, test } from 'vitest'
import { readDescription } from '../../commands/build-description.ts'
import * as zodForWorkers from '../../functions/worker/zod/index.ts'
import { type Bundle, bundleWorker } from '../support/worker-bundle.ts'

const ROOT = new URL('../../', import.meta.url)

let bundle: Bundle
beforeAll(async () => {
  bundle = await bundleWorker()
})

test('the bundle imports nothing, not even a Node module', () => {
  expect(bundle.externals).toEqual([])
  expect(bundle.code).not.toMatch(/(from|import|require\()\s*["']node:/)
})

test('the bundle is ASCII, because V8 reads and keeps other texts as two bytes a character', () => {
  expect(bundle.code.match(/\P{ASCII}/gu) ?? []).toEqual([])
})

test('the bundle contains neither the emulator nor another driver', () => {
  const unwanted = /lib\/emulator|pglite|node_modules\/pg\/|@a2a-js|functions\/(node|listen|embedded-fly)\.ts/
  expect(bundle.inputs.filter((input) => unwanted.test(input))).toEqual([])
  expect(bundle.inputs).toContain('functions/worker.ts')
})

/** What the modules of the bundle read of `z`, such as `string` and `iso.datetime`, and import by name from zod. */
function usedOfZod({ inputs }: Bundle): string[] {
  const sources = inputs
    .filter((input) => !/node_modules\/(zod|@asteasolutions)\/|worker\/zod\//.test(input))
    .map((input) => readFileSync(new URL(input, ROOT), 'utf8'))
    .filter((source) => /from ["'](@hono\/zod-openapi|zod)["']/.test(source))
    .map((source) => stripTypeScriptTypes(source))
  const members = sources.flatMap((source) =>
    [...source.matchAll(/\bz\.(iso\.\w+|coerce\.\w+|\w+)/g)].map(([, name = '']) => name),
  )
  const named = sources.flatMap((source) =>
    [...source.matchAll(/import \{([^}]+)\} from ["']zod["']/g)].flatMap(([, names = '']) =>
      names.split(',').map((name) => name.trim()),
    ),
  )
  return [...new Set([...members, ...named])].filter((name) => name !== 'z' && name !== '')
}

test('the bundle contains all of zod that its modules use', () => {
  const used = usedOfZod(bundle)
  expect(used).toContain('iso.datetime')
  expect(used.length).toBeGreaterThan(20)
  const contains = (name: string) =>
    name.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)?.[key], zodForWorkers)
  expect(used.filter((name) => contains(name) === undefined)).toEqual([])
})

/** The texts of the API description, each as its longest part that looks the same in any source. */
function textsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]: [string, unknown]) => {
    if (key !== 'description' || typeof member !== 'string') return textsOf(member)
    return member
      .split(/[^\w ,.;:()-]/)
      .toSorted((a, b) => b.length - a.length)
      .slice(0, 1)
  })
}

test('the bundle contains no text that only the API description needs', async () => {
  const texts = textsOf(JSON.parse(await readDescription())).filter((text) => text.length > 30)
  expect(texts.length).toBeGreaterThan(500)
  // The tools of the MCP server have texts of their own, some of them in the same words.
  const mcp = readFileSync(new URL('mcp/tools.ts', ROOT), 'utf8')
  expect(texts.filter((text) => bundle.code.includes(text) && !mcp.includes(text))).toEqual([])
})
