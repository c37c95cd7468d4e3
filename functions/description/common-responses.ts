// Responses that an operation can give because of its access policy, where it does not declare them itself.
import type { RoutePolicy } from '../access-policy.ts'
import type { Operation, Response } from './api-document.ts'
import { headerRef } from './headers.ts'

const problem = (description: string, headers = {}): Response => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  headers: { 'X-Request-Id': headerRef('RequestId'), ...headers },
})

export const RESPONSES = {
  Unauthorized: problem('The credential is missing or not valid.'),
  Forbidden: problem('The credential is valid and may not do this.'),
  TooManyRequests: problem('Too many requests of this caller.', { 'Retry-After': headerRef('RetryAfter') }),
  Refused: problem('The request is malformed.'),
  Failure: problem('Another failure, such as 413 (body too large) or 503 (the database does not answer).'),
} as const

const ref = (name: keyof typeof RESPONSES): Response => ({ $ref: `#/components/responses/${name}` })

/** None for an operation that describes all its failures itself: those of A2A are no problem documents. */
export function commonResponses(policy: RoutePolicy, { responses }: Operation): Record<string, Response> {
  if ('default' in responses) return {}
  const common: Record<string, Response> = {
    ...(policy === 'public' ? { '4XX': ref('Refused') } : { 401: ref('Unauthorized') }),
    ...(typeof policy === 'object' ? { 403: ref('Forbidden') } : {}),
    ...(typeof policy === 'object' || policy === 'agent' ? { 429: ref('TooManyRequests') } : {}),
    default: ref('Failure'),
  }
  return Object.fromEntries(Object.entries(common).filter(([status]) => !(status in responses)))
}
