// Pages of lists: the Link header that leads from one to the next, as the client package follows it.
import type { Context } from 'hono'
import type { Config } from '../../lib/config/config.ts'
import type { AppEnv } from './app-env.ts'
import { publicUrlOf } from './public-url.ts'

/** @param cursor where the next page begins; undefined: this is the last one */
export function linkNextPage(
  config: Config,
  c: Context<AppEnv>,
  limit: number,
  cursor: string | undefined,
): void {
  if (cursor === undefined) return
  const { searchParams } = new URL(c.req.url)
  searchParams.set('limit', String(limit))
  searchParams.set('cursor', cursor)
  c.header('link', `<${publicUrlOf(config, c)}${c.req.path}?${searchParams}>; rel="next"`)
}
