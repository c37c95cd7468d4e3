// Reads the text of a GraphQL request into the fields it selects. It covers what clients of Fly send: one operation,
// variables, aliases, arguments and fragments. It knows no schema.

export type Value = string | number | boolean | null | Value[] | { [name: string]: Value }

export type Field = {
  kind: 'field'
  /** The name in the answer: the alias, or else the field's own name. */
  key: string
  name: string
  /** Arguments with variables filled in. A variable that was not given is null. */
  args: Record<string, Value>
  selections: Selection[]
}

/** Fields that apply when the object is of type `on`; undefined applies always. */
export type Fragment = { kind: 'fragment'; on: string | undefined; selections: Selection[] }

export type Selection = Field | Fragment

export type Operation = { type: 'query' | 'mutation'; selections: Selection[] }

/** The text is not GraphQL, or uses a part of it that this parser does not have. */
export class SyntaxProblem extends Error {
  override name = 'SyntaxProblem'
}

const TOKEN =
  /[\s,]+|#[^\n]*|(\.\.\.|[{}()[\]:$!=@|&]|[_A-Za-z]\w*|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|"(?:[^"\\\n]|\\.)*")/y

function tokenize(text: string): string[] {
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(text)
    if (match === null) throw new SyntaxProblem(`syntax error at character ${at}`)
    if (match[1] !== undefined) tokens.push(match[1])
  }
  return tokens
}

/** @throws SyntaxProblem for malformed text. An undefined fragment throws when the selection is read. */
export function parseQuery(text: string, variables: Record<string, Value>): Operation {
  const tokens = tokenize(text)
  const fragments = new Map<string, Fragment>()
  const defaults: Record<string, Value> = {}
  let operation: Operation | undefined
  let position = 0

  const peek = (): string => tokens[position] ?? ''
  function next(): string {
    const token = tokens[position++]
    if (token === undefined) throw new SyntaxProblem('the query ends too early')
    return token
  }
  function expect(token: string): void {
    const found = next()
    if (found !== token) throw new SyntaxProblem(`expected ${token}, found ${found}`)
  }
  function skip(token: string): boolean {
    if (peek() !== token) return false
    position++
    return true
  }

  function parseValue(): Value {
    const token = next()
    if (token === '$') {
      const name = next()
      return variables[name] ?? defaults[name] ?? null
    }
    if (token === '[') {
      const items: Value[] = []
      while (!skip(']')) items.push(parseValue())
      return items
    }
    if (token === '{') return parsePairs('}')
    if (token.startsWith('"')) return JSON.parse(token) as string
    if (/^-?\d/.test(token)) return Number(token)
    if (token === 'null') return null
    // Anything else is an enum value, which is its own name.
    return token === 'true' ? true : token === 'false' ? false : token
  }

  function parsePairs(end: ')' | '}'): Record<string, Value> {
    const pairs: Record<string, Value> = {}
    while (!skip(end)) {
      const name = next()
      expect(':')
      pairs[name] = parseValue()
    }
    return pairs
  }

  function skipDirectives(): void {
    while (skip('@')) {
      next()
      if (skip('(')) parsePairs(')')
    }
  }

  function parseSelections(): Selection[] {
    expect('{')
    const selections: Selection[] = []
    while (!skip('}')) selections.push(skip('...') ? parseSpread() : parseField())
    return selections
  }

  function parseSpread(): Fragment {
    const isNamed = peek() !== 'on' && peek() !== '{' && peek() !== '@'
    const name = isNamed ? next() : ''
    const on = !isNamed && skip('on') ? next() : undefined
    skipDirectives()
    if (!isNamed) return { kind: 'fragment', on, selections: parseSelections() }
    // The definition may stand further down, so it is looked up when the object is read.
    return {
      kind: 'fragment',
      get on() {
        return definition(name).on
      },
      get selections() {
        return definition(name).selections
      },
    }
  }

  function definition(name: string): Fragment {
    const fragment = fragments.get(name)
    if (fragment === undefined) throw new SyntaxProblem(`unknown fragment ${name}`)
    return fragment
  }

  function parseField(): Field {
    const first = next()
    if (!/^[_A-Za-z]/.test(first)) throw new SyntaxProblem(`expected a field, found ${first}`)
    const name = skip(':') ? next() : first
    const args = skip('(') ? parsePairs(')') : {}
    skipDirectives()
    return { kind: 'field', key: first, name, args, selections: peek() === '{' ? parseSelections() : [] }
  }

  function parseVariableDefinitions(): void {
    while (!skip(')')) {
      expect('$')
      const name = next()
      expect(':')
      while (/^([\w[\]!])/.test(peek()) && peek() !== ')') position++
      if (skip('=')) defaults[name] = parseValue()
      skipDirectives()
    }
  }

  while (position < tokens.length) {
    if (skip('fragment')) {
      const name = next()
      expect('on')
      const on = next()
      fragments.set(name, { kind: 'fragment', on, selections: parseSelections() })
      continue
    }
    const type = peek() === 'mutation' ? 'mutation' : 'query'
    if (peek() !== '{') {
      if (!skip(type)) throw new SyntaxProblem(`expected query or mutation, found ${peek()}`)
      if (peek() !== '(' && peek() !== '{') next()
      if (skip('(')) parseVariableDefinitions()
      skipDirectives()
    }
    if (operation !== undefined) throw new SyntaxProblem('only one operation is supported')
    operation = { type, selections: parseSelections() }
  }
  if (operation === undefined) throw new SyntaxProblem('there is no operation')
  return operation
}
