// X-Workspace-ID: who a caller says it is. Its token says who it is; a header that says otherwise is a forgery
// (molecule.md §3.1).
import { createMiddleware } from 'hono/factory'
import type { Caller } from '../../lib/auth/caller.ts'
import { DomainError } from '../../lib/platform/errors.ts'
import type { AppEnv } from './app-env.ts'

/** Names under which Molecule's platform calls agents from inside. Nobody may use them from outside. */
const RESERVED = /^(webhook|system|test|channel):/i

/** @throws DomainError `forbidden` when the header names somebody that the caller has not proven to be */
export function verifyCallerHeader(caller: Caller, claimed: string | undefined): void {
  if (claimed === undefined) return
  if (RESERVED.test(claimed)) throw new DomainError('forbidden', 'invalid caller ID')
  if (claimed !== '' && caller.kind === 'workspace' && claimed.toLowerCase() !== caller.workspaceId) {
    throw new DomainError('forbidden', 'invalid caller auth token')
  }
}

/** The same for doors behind `authenticate`. */
export const rejectForgedCaller = createMiddleware<AppEnv>(async (c, next) => {
  verifyCallerHeader(c.get('caller'), c.req.header('x-workspace-id'))
  await next()
})
