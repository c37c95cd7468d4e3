// The check of the layout finds what it is there to find, in small made-up trees.
import { expect, test } from 'vitest'
import { checkFolders, checkLengths } from '../../scripts/dev/layout-rules.ts'

const ORDER = ['workspaces', 'events', 'platform']

/** What the check says of a tree that has these files, and one in each folder of the order that imports nothing. */
function problemsOf(files: Record<string, string>): string[] {
  const rest = Object.fromEntries(ORDER.map((folder) => [`lib/${folder}/nothing.ts`, '']))
  return checkFolders(new Map(Object.entries({ ...rest, ...files })), ORDER)
}

test('imports of folders below, of the same folder, of packages and of other parts of the project are no problem', () => {
  const text = `
import { a } from '../events/a.ts'
import type { B } from '../platform/deep/b.ts'
import { c } from './c.ts'
import { d } from 'drizzle-orm'
import { e } from '../../drizzle/schema.ts'`
  expect(problemsOf({ 'lib/workspaces/x.ts': text })).toEqual([])
})

test.each([
  ["import { a } from '../../workspaces/a.ts'", 'a value'],
  ["import type { A } from '../../workspaces/a.ts'", 'a type'],
  ["import {\n  type A,\n  b,\n} from '../../workspaces/a.ts'", 'several names'],
  ["export * from '../../workspaces/a.ts'", 'an export'],
  ["const a = await import('../../workspaces/a.ts')", 'a dynamic import'],
  ["let a: import('../../workspaces/a.ts').A", 'an inline type'],
])('an import from a folder above is found: %s (%s)', (text) => {
  expect(problemsOf({ 'lib/platform/deep/x.ts': text })).toEqual([
    'lib/platform/deep/x.ts imports lib/workspaces, which is above lib/platform',
  ])
})

test('a cycle is found with the folders in it, and without the folders that only lead to it', () => {
  const problems = problemsOf({
    'lib/workspaces/x.ts': "import '../events/x.ts'",
    'lib/events/x.ts': "import '../platform/x.ts'",
    'lib/platform/x.ts': "import '../events/x.ts'",
  })
  expect(problems).toContain('These folders are in a cycle of imports: lib/events, lib/platform')
})

test('a folder that the order lacks, a folder that is gone and a file at the top of lib are found', () => {
  const files = new Map([
    ['lib/new/x.ts', ''],
    ['lib/loose.ts', ''],
    ['lib/events/x.ts', ''],
  ])
  expect(checkFolders(files, ['events', 'gone'])).toEqual([
    'lib/loose.ts is in no folder of lib: move it into one',
    'lib/new is not in the order of lib/README.md: add it there',
    'lib/gone does not exist: remove it from the order of lib/README.md',
  ])
})

test('nothing imports the emulator, and the emulator imports nothing of lib', () => {
  const problems = problemsOf({
    'lib/emulator/api/x.ts': "import '../../platform/x.ts'",
    'lib/events/x.ts': "import '../emulator/x.ts'",
  })
  expect(problems).toEqual([
    'lib/emulator/api/x.ts imports lib/platform: use the emulator over HTTP',
    'lib/events/x.ts imports lib/emulator: use the emulator over HTTP',
  ])
})

test('files with more lines than allowed are found, longest first, but not generated ones', () => {
  const lines = (count: number) => 'x\n'.repeat(count)
  const sources = new Map([
    ['lib/a.ts', lines(300)],
    ['lib/b.ts', lines(301)],
    ['test/c.ts', `${lines(400)}x`],
    ['lib/generated.d.ts', lines(5000)],
    ['drizzle/migrations/x.ts', lines(500)],
    ['README.md', lines(500)],
  ])
  expect(checkLengths(sources, 300)).toEqual([
    'test/c.ts has 401 lines; at most 300 are allowed',
    'lib/b.ts has 301 lines; at most 300 are allowed',
  ])
})
