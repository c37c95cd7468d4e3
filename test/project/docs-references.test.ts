// The code cites the sections of docs/facts as the sources of what it relies on. Here every citation must lead to a heading that
// exists, and no citation may name a document that is not in the repository.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

type Citation = { document: string; section: string }

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FACTS = 'docs/facts/'
const DOCUMENTS = ['fly', 'molecule', 'a2a']
const SIGN = '\u00A7'

/** A document's name and the sections that follow it: `fly.md §2.1, §2.8`, with or without `docs/facts/` in front. */
const CITATION =
  /(?<![\w/-])(?:(?:\.{1,2}\/)*docs\/facts\/)?([\w-]+)\.md((?:\W{1,4}(?:(?:and|or|to) )?§\d+(?:\.\d+)*)+)/g
const SECTION = /§(\d+(?:\.\d+)*)/g
const HEADING = /^#{2,4} (\d+(?:\.\d+)*)\s/gm
/** Documents that comments of the past cited, and that were never in the repository. */
const MISSING = /(?<![\w-])(?:peers|style)\.md\b/

const read = (path: string) => readFileSync(`${ROOT}${path}`, 'utf8')

/** Joins wrapped lines and leaves out the signs that begin a line of a comment, so that a citation may be wrapped. */
const unwrapped = (text: string) => text.replaceAll(/\s*\n\s*(?:\/\/|\*(?!\/)|--|#|>)?[ \t]*/g, ' ')

const sectionsIn = (text: string) => [...text.matchAll(SECTION)].map(([, section]) => section ?? '')

const citationsIn = (text: string): Citation[] =>
  [...unwrapped(text).matchAll(CITATION)].flatMap(([, document = '', sections = '']) =>
    sectionsIn(sections).map((section) => ({ document, section })),
  )

const headingsIn = (text: string) => [...text.matchAll(HEADING)].map(([, section]) => section ?? '')

const headings = new Map(DOCUMENTS.map((name) => [name, headingsIn(read(`${FACTS}${name}.md`))]))

const isDead = ({ document, section }: Citation) => headings.get(document)?.includes(section) !== true

const files = execFileSync('git', ['ls-files', '-z', '--', '*.ts', '*.md', '*.toml', '*.yml', '*.sql'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\0')
  // Git still lists a file that was deleted and not yet committed.
  .filter((path) => path !== '' && existsSync(`${ROOT}${path}`))

test('every cited section of docs/facts exists', () => {
  const citations = files.flatMap((path) =>
    citationsIn(read(path)).map((citation) => ({ path, ...citation })),
  )
  expect(citations.length).toBeGreaterThan(0)
  expect(citations.filter(isDead)).toEqual([])
})

test('no file cites a document that is not in the repository', () => {
  expect(files.filter((path) => MISSING.test(read(path)))).toEqual([])
})

describe.each(DOCUMENTS)('docs/facts/%s.md', (name) => {
  const text = read(`${FACTS}${name}.md`)

  test(`the sections that docs/facts/${name}.md refers to in itself exist`, () => {
    const sections = sectionsIn(unwrapped(text).replaceAll(CITATION, ''))
    expect(sections.filter((section) => isDead({ document: name, section }))).toEqual([])
  })

  test(`docs/facts/${name}.md has no two headings with the same number`, () => {
    const numbers = headingsIn(text)
    expect(numbers.filter((number, index) => numbers.indexOf(number) !== index)).toEqual([])
  })
})

test.each([
  [`see fly.md ${SIGN}2.8`, ['fly 2.8']],
  [`see docs/facts/fly.md ${SIGN}2.1, ${SIGN}2.8.`, ['fly 2.1', 'fly 2.8']],
  [`(\`../docs/facts/a2a.md\` ${SIGN}3.4 and ${SIGN}3.11)`, ['a2a 3.4', 'a2a 3.11']],
  [`[facts](docs/facts/a2a.md) ${SIGN}3`, ['a2a 3']],
  [` * the order of (molecule.md\n   * ${SIGN}1.3)`, ['molecule 1.3']],
  [`// what a2a.md\n// ${SIGN}3.4 allows`, ['a2a 3.4']],
  [`other.md ${SIGN}1`, ['other 1']],
  [`RFC 9110 ${SIGN}7.6.1 and docs/facts/fly.md`, []],
])('the citations in %j are found', (text, expected) => {
  expect(citationsIn(text).map(({ document, section }) => `${document} ${section}`)).toEqual(expected)
})
