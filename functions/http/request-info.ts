// What a request reveals about its sender: headers, host name and client address, on any runtime.
import type { Context } from 'hono'
import type { Config } from '../../lib/config/config.ts'
import { addressOf } from './client-address.ts'

export type RequestInfo = {
  header: (name: string) => string | undefined
  /** The host name in the URL, without a port. */
  hostname: () => string
  /** The client's IP address (functions/http/client-address.ts). */
  address: () => string
}

/** The environment of @hono/node-server. Workers provide no connection. */
type NodeEnv = { incoming?: { socket?: { remoteAddress?: string } } } | undefined

export function requestInfo(config: Config, c: Context): RequestInfo {
  const header = (name: string) => c.req.header(name)
  return {
    header,
    hostname: () => new URL(c.req.url).hostname,
    address: () => addressOf(config, header, (c.env as NodeEnv)?.incoming?.socket?.remoteAddress),
  }
}
