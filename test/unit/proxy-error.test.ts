// What the proxy's own errors say about the message: a caller sends a message again only where it was not delivered.
import { expect, test } from 'vitest'
import { PROXY_ANSWERS, ProxyError, type ProxyReason } from '../../lib/a2a/errors/proxy-error.ts'

test('an unexpected failure does not say that the message was not delivered', () => {
  expect(new ProxyError('INTERNAL', 'unexpected error').delivered).toBe('unknown')
})

test('every other error says that it was not delivered, unless it knows more', () => {
  const reasons = (Object.keys(PROXY_ANSWERS) as ProxyReason[]).filter((reason) => reason !== 'INTERNAL')
  expect(new Set(reasons.map((reason) => new ProxyError(reason, 'x').delivered))).toEqual(new Set(['no']))
  expect(new ProxyError('AGENT_TIMEOUT', 'x', { delivered: 'unknown' }).delivered).toBe('unknown')
})
