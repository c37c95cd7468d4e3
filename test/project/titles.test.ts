// Test titles are sentences: each must be understood in a list of failures, without its `describe`.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

/** Words that begin a fragment, which only its `describe` would complete. */
const FRAGMENTS =
  /^(and|are|as|at|be|but|by|can|comes?|does|for|from|gets?|gives?|goes|has|have|if|in|is|may|must|needs?|of|on|or|says?|tells?|than|that|to|was|were|which|who|whom|whose|will|with)\b/

const STRING = String.raw`(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|` + '`(?:[^`\\\\]|\\\\.)*`)'
/** `test(title`, `test.each(…)(title` and `testInProcess(reason, title`. */
const TITLE = new RegExp(
  String.raw`^ *(?:(?:test|it)(?:\.\w+)*\(\s*|testInProcess\(\s*(?:${STRING}|\w+),\s*|.*\)\(\s*)(${STRING})[,)]`,
  'gm',
)
/** Every place where a test begins. */
const TEST = /^ *(?:test|it|testInProcess)(?:\.\w+)*[<(]/gm

const DIRECTORY = new URL('../', import.meta.url)
const FILES = readdirSync(DIRECTORY, { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.ts') && !name.startsWith('support/'),
)

/** The titles of the tests in a file. A call of `describe.each` is left out. */
function titlesIn(text: string): string[] {
  const withoutDescribes = text.replaceAll(/^ *describe(?:\.each\([^]*?\))?\(\s*(?:'.*?'|".*?"|`.*?`),/gm, '')
  return [...withoutDescribes.matchAll(TITLE)].map(([, title = '']) => title.slice(1, -1))
}

test.each(FILES)('the test titles of %s are sentences', (name) => {
  const text = readFileSync(new URL(name, DIRECTORY), 'utf8')
  const titles = titlesIn(text)
  // A test without a title that is recognised here would not be checked.
  expect(titles.length).toBeGreaterThanOrEqual([...text.matchAll(TEST)].length)
  expect(titles.filter((title) => FRAGMENTS.test(title))).toEqual([])
})
