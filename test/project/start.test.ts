// What `npm start` runs: a bundle that was made from the sources as they are, or the sources. In a small copy of the repository.
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SOURCE = 'functions/node.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'start-'))
  for (const name of ['package.json', 'tsconfig.json', 'commands'])
    cpSync(join(ROOT, name), join(directory, name), { recursive: true })
  mkdirSync(join(directory, 'node_modules'))
  write('node_modules/.package-lock.json', '{}')
  write('lib/emulator/node/guest-process.ts', '')
  write('lib/emulator/sample-agent/sample-agent.ts', '')
  write(SOURCE, `import { word } from './word.ts'\nconsole.log(word, import.meta.url)`)
})
afterEach(() => rmSync(directory, { recursive: true }))

const at = (path: string) => join(directory, path)

function write(path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true })
  writeFileSync(at(path), text)
}

function installBundler(): void {
  for (const name of ['esbuild', '@esbuild'])
    symlinkSync(join(ROOT, 'node_modules', name), at(`node_modules/${name}`))
}

const start = () =>
  execFileSync(process.execPath, [at('commands/start.cjs')], {
    encoding: 'utf8',
    stdio: 'pipe',
  })

test('a change of a source is seen at the next start, also one that leaves its size and time as they were', () => {
  installBundler()
  write('functions/word.ts', `export const word: string = 'one'`)
  const address = `file://${at(SOURCE)}\n`
  expect(start()).toBe(`one ${address}`)
  const { mtime: bundled } = statSync(at('dist/server/node.js'))
  expect(start()).toBe(`one ${address}`)
  expect(statSync(at('dist/server/node.js')).mtime).toEqual(bundled)

  const { atime, mtime } = statSync(at('functions/word.ts'))
  write('functions/word.ts', `export const word: string = 'two'`)
  utimesSync(at('functions/word.ts'), atime, mtime)
  expect(start()).toBe(`two ${address}`)
})

test('the sources run as they are where there is no bundler', () => {
  write('functions/word.ts', `export const word: string = 'one'`)
  expect(start()).toBe(`one file://${at(SOURCE)}\n`)
  expect(existsSync(at('dist'))).toBe(false)
})

test('a source with a mistake is not hidden by the bundle of its last state', () => {
  installBundler()
  write('functions/word.ts', `export const word: string = 'one'`)
  start()
  write('functions/word.ts', `export const word: string = `)
  expect(start).toThrow('word.ts')
})
