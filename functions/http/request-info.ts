// What a request tells of who sent it, for Hono's requests on any runtime.
import type { Context } from 'hono'
import type { Config } from '../../lib/config/config.ts'
import { addressOf } from './client-address.ts'
import type { RequestInfo } from './authenticate.ts'

/** What @hono/node-server gives; Workers give nothing like it. */
type NodeEnv = { incoming?: { socket?: { remoteAddress?: string } } } | undefined

export function requestInfo({ trustedProxy }: Config, c: Context): RequestInfo {
  const header = (name: string) => c.req.header(name)
  return {
    header,
    hostname: () => new URL(c.req.url).hostname,
    address: () => addressOf(trustedProxy, header, (c.env as NodeEnv)?.incoming?.socket?.remoteAddress),
  }
}
