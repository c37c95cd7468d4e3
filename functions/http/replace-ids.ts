// Puts the ids of workspaces into a request in place of their slugs, once the caller is known and before access is
// checked. Handlers then see ids only, and what was checked is what they use.
import type { Context } from 'hono'

/** `:id` in the path. */
export function replacePathId({ req }: Context, id: string): void {
  const read = req.param.bind(req) as (key?: string) => unknown
  req.param = ((key?: string) => {
    if (key === undefined) return { ...(read() as Record<string, string>), id }
    return key === 'id' ? id : read(key)
  }) as typeof req.param
}

/** @param replace the id for a value; undefined where it stays */
export function replaceInQuery(
  { req }: Context,
  names: readonly string[],
  replace: (value: string) => string | undefined,
): void {
  const url = new URL(req.url)
  for (const name of names) {
    const values = url.searchParams.getAll(name)
    url.searchParams.delete(name)
    for (const value of values) url.searchParams.append(name, replace(value) ?? value)
  }
  req.raw = new Request(url, req.raw)
}

/** A body in JSON, in place of the one that was read. */
export function replaceBody({ req }: Context, body: Record<string, unknown>): void {
  req.raw = new Request(req.raw, { method: req.method, body: JSON.stringify(body) })
  req.bodyCache = {}
}
