// The limit of request bodies in the API, and the turns of large ones: without turns, many that arrive together would be parsed and
// checked one after the other without a pause. Hono's middleware opens every body as a web stream, which on Node costs more than
// the rest of a small request, so it sees only bodies whose length is not declared.
import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { DomainError } from '../../lib/platform/errors.ts'
import { takeTurn } from '../../lib/platform/slices.ts'

/** Bodies that are longer take turns, in bytes. Shorter ones take less than a millisecond. */
const SMALL = 16_384

/** @param maxSize in bytes */
export function limitBodies(maxSize: number): MiddlewareHandler {
  const refuse = (): never => {
    throw new DomainError('too_large', `the body is larger than ${maxSize} bytes (API_MAX_BODY_BYTES)`)
  }
  const limitUndeclared = bodyLimit({ maxSize, onError: refuse })
  return (c, next) => {
    const { method } = c.req
    if (method === 'GET' || method === 'HEAD') return next()
    const declared = c.req.header('content-length')
    if (declared === undefined || c.req.header('transfer-encoding') !== undefined)
      return limitUndeclared(c, () => waitForTurn(c, next))
    if (Number(declared) > maxSize) return refuse()
    return Number(declared) > SMALL ? waitForTurn(c, next) : next()
  }
}

async function waitForTurn(c: Context, next: () => Promise<void>): Promise<void> {
  const isFile = /^multipart\//i.test(c.req.header('content-type') ?? '')
  // Hono keeps the text for the handler. Files are not parsed.
  if (!isFile && (await c.req.text()).length > SMALL) await takeTurn()
  return next()
}
