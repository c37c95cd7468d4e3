// Answers a parsed GraphQL operation from plain objects: each selected field is looked up by name and put under its
// alias.

import type { Selection, Value } from './parse-query.ts'

/** One object of the graph. A field that takes arguments is a function. `__typename` decides which fragments apply. */
export type Node = { [field: string]: unknown }

/** Becomes one entry of GraphQL's `errors`, with HTTP 200. `code` goes to `extensions.code`. */
export class QueryError extends Error {
  override name = 'QueryError'
  readonly code: string
  constructor(message: string, code: string) {
    super(message)
    this.code = code
  }
}

/**
 * The selected fields of `node`, as JSON.
 * @param path names the object in errors, e.g. `app.organization`
 * @throws QueryError for a field that the node does not have, so that nothing is empty without notice
 */
export async function select(
  node: Node,
  selections: Selection[],
  path = '',
): Promise<Record<string, unknown>> {
  const answer: Record<string, unknown> = {}
  for (const selection of selections) {
    if (selection.kind === 'fragment') {
      const applies =
        selection.on === undefined || [undefined, selection.on].includes(node['__typename'] as string)
      if (applies) Object.assign(answer, await select(node, selection.selections, path))
      continue
    }
    const { name, key, args } = selection
    const here = path === '' ? name : `${path}.${name}`
    if (!Object.hasOwn(node, name)) {
      throw new QueryError(`the emulator has no GraphQL field ${here}`, 'NOT_EMULATED')
    }
    const field = node[name]
    const value: unknown = await (typeof field === 'function'
      ? (field as (args: Record<string, Value>) => unknown)(args)
      : field)
    answer[key] = await complete(value, selection.selections, here)
  }
  return answer
}

async function complete(value: unknown, selections: Selection[], path: string): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map((item) => complete(item, selections, path)))
  // A field without selections is a scalar, which may be any JSON.
  if (typeof value !== 'object' || value === null || selections.length === 0) return value ?? null
  return select(value as Node, selections, path)
}
