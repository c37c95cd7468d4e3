// X-Workspace-ID: the workspace that a caller claims to be. A header that contradicts the caller's token is refused
// (docs/facts/molecule.md §3.1).
import { createMiddleware } from 'hono/factory'
import type { Caller } from '../../lib/auth/caller.ts'
import { DomainError } from '../../lib/platform/errors.ts'
import type { AppEnv } from './app-env.ts'

/** Caller names that Molecule's platform uses internally. Requests from outside may not use them. */
const RESERVED = /^(webhook|system|test|channel):/i

/** @throws DomainError `forbidden` when the header names another caller than the token does */
export function verifyCallerHeader(caller: Caller | undefined, claimed: string | undefined): void {
  if (claimed === undefined) return
  if (RESERVED.test(claimed)) throw new DomainError('forbidden', 'invalid caller ID')
  if (claimed !== '' && caller?.kind === 'workspace' && claimed.toLowerCase() !== caller.workspaceId) {
    throw new DomainError('forbidden', 'invalid caller auth token')
  }
}

/** The same check as middleware, for routes behind the authorization. */
export const rejectForgedCaller = createMiddleware<AppEnv>(async (c, next) => {
  verifyCallerHeader(c.get('caller'), c.req.header('x-workspace-id'))
  await next()
})
