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

type Replacement = {
  /** Parameters of the query whose values may be replaced. */
  query: readonly string[]
  /** The id for a value; undefined where it stays. */
  idOf: (value: string) => string | undefined
  /** In JSON, in place of the body that was read; undefined: it stays. */
  body: Record<string, unknown> | undefined
}

/**
 * In the query and the body: with one new request for both, because in a chain of them the last one hears of the end of the first only
 * until the one between them is collected as garbage.
 */
export function replaceIds({ req }: Context, { body, idOf, query }: Replacement): void {
  const url = new URL(req.url)
  for (const name of query) {
    const values = url.searchParams.getAll(name)
    url.searchParams.delete(name)
    for (const value of values) url.searchParams.append(name, idOf(value) ?? value)
  }
  const { raw } = req
  req.raw =
    body === undefined
      ? new Request(url, raw)
      : new Request(url, {
          method: raw.method,
          headers: raw.headers,
          signal: raw.signal,
          body: JSON.stringify(body),
        })
  if (body !== undefined) req.bodyCache = {}
}
