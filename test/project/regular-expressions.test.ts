// Every regular expression is linear: agents, senders, callers and registries choose what most of them read.
// Two analyses of its structure decide, without running it: `scslre` finds quantifiers that compete for the same text, and
// searches that begin anew at every position; `ambiguitiesOf` finds repeated parts that can match one text in two ways.
import { globSync, readFileSync } from 'node:fs'
import { type AST, RegExpParser, visitRegExpAST } from '@eslint-community/regexpp'
import { getFirstCharAfter, getFirstConsumedChar, toCache } from 'regexp-ast-analysis'
import { analyse } from 'scslre'
import { expect, test } from 'vitest'
import { parseAst } from 'vitest/node'

const ROOT = new URL('../../', import.meta.url)

type Literal = { source: string; flags: string }

/** There are very many nodes: `Object.values` of each would take most of the time of this test. */
function collect(node: object, found: (literal: Literal) => void): void {
  const { regex } = node as { regex?: { pattern: string; flags: string } }
  if (regex !== undefined) return found({ source: regex.pattern, flags: regex.flags })
  for (const name in node) {
    const child = (node as Record<string, unknown>)[name]
    if (typeof child === 'object' && child !== null) collect(child, found)
  }
}

/** The regular expression literals of all sources, with a file of each. */
function allLiterals(): Map<string, { literal: Literal; file: string }> {
  const literals = new Map<string, { literal: Literal; file: string }>()
  for (const file of globSync('{cli,client,commands,drizzle,functions,lib,mcp}/**/*.ts', { cwd: ROOT })) {
    if (file.endsWith('.d.ts')) continue
    const source = readFileSync(new URL(file, ROOT), 'utf8')
    collect(parseAst(source, { lang: 'ts' }).body, (literal) => {
      literals.set(`/${literal.source}/${literal.flags}`, { literal, file })
    })
  }
  return literals
}

/**
 * Choices inside an unbounded repetition that the next character does not decide: each repetition of the text doubles the ways
 * to match it. Such a choice is between two alternatives, or between one more and one less of a quantifier.
 */
function ambiguitiesOf({ source, flags }: Literal): string[] {
  // After the end nothing is tried again, so what may follow there must not count as a choice.
  const read = {
    dotAll: flags.includes('s'),
    ignoreCase: flags.includes('i'),
    multiline: flags.includes('m'),
    unicode: flags.includes('u'),
    unicodeSets: flags.includes('v'),
  }
  const pattern = new RegExpParser().parsePattern(`(?:${source})$`, undefined, undefined, read)
  const cache = toCache(read)
  const found: string[] = []
  let unbounded = 0

  const checkAlternatives = ({ alternatives }: { alternatives: AST.Alternative[] }) => {
    if (unbounded === 0) return
    const first = alternatives.map((alternative) => getFirstConsumedChar(alternative, 'ltr', cache).char)
    const overlaps = first.some((one, index) =>
      first.slice(0, index).some((other) => !one.isDisjointWith(other)),
    )
    if (overlaps) found.push(alternatives.map(({ raw }) => raw).join('|'))
  }
  visitRegExpAST(pattern, {
    onQuantifierEnter(quantifier) {
      if (unbounded > 0 && quantifier.min !== quantifier.max) {
        const { char: more } = getFirstConsumedChar(quantifier.element, 'ltr', cache)
        const { char: less } = getFirstCharAfter(quantifier, 'ltr', cache)
        if (!more.isDisjointWith(less)) found.push(quantifier.raw)
      }
      if (quantifier.max === Infinity) unbounded++
    },
    onQuantifierLeave({ max }) {
      if (max === Infinity) unbounded--
    },
    onGroupEnter: checkAlternatives,
    onCapturingGroupEnter: checkAlternatives,
  })
  return found
}

const competingQuantifiersOf = (literal: Literal) =>
  analyse(literal).reports.map(({ character, type }) => `${type} of ${character.literal.source}`)

const problemsOf = (literal: Literal) => [...competingQuantifiersOf(literal), ...ambiguitiesOf(literal)]

test.each([
  '\\/+$',
  'a+b',
  '^\\s*([^=\\s]+)\\s*=\\s*(.*?)\\s*$',
  '(a+)+b',
  '^(a|a)*$',
  '^(?:a|ab|b)*$',
  '^(?:\\w|\\d)+$',
  '^(?:ab?b)*$',
  '^(?:a{1,3})*$',
])('the analyses find that /%s/ is not linear', (source) => {
  expect(problemsOf({ source, flags: '' })).not.toEqual([])
})

test('every regular expression is linear', () => {
  const literals = [...allLiterals()]
  expect(literals.length).toBeGreaterThan(200)
  const problems = literals.map(([name, { file, literal }]) => ({
    name: `${name} in ${file}`,
    found: problemsOf(literal),
  }))
  expect(problems.filter(({ found }) => found.length > 0)).toEqual([])
})
