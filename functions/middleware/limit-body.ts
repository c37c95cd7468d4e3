// The limit of request bodies in the API. Hono's middleware opens every body as a web stream, which on Node costs more than the
// rest of a small request, so it sees only bodies whose length is not declared.
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { DomainError } from '../../lib/platform/errors.ts'

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
      return limitUndeclared(c, next)
    return Number(declared) > maxSize ? refuse() : next()
  }
}
