// MOLECULE_COMPAT: which requests need no token, and therefore no particular one. On a server that is open to programs on this
// computer, the token of any workspace has an administrator's permissions, as Molecule's clients expect
// (docs/facts/molecule.md §2.2): they send one although none is needed. Nowhere else, and not for what only the workspace
// itself may do.
import type { Caller } from '../../../lib/auth/caller.ts'
import type { Config } from '../../../lib/config/config.ts'
import { allowsAnonymous, type Exposure, isRelayed } from '../../http/authenticate.ts'
import type { RequestInfo } from '../../http/request-info.ts'

export type NeedsNoToken = (request: RequestInfo) => boolean

/** An agent elsewhere reaches this server through a tunnel: it needs its token. */
export function createNeedsNoToken(config: Config, exposure: Exposure): NeedsNoToken {
  const isOpen = config.moleculeCompat && allowsAnonymous(config, exposure)
  return (request) => isOpen && !isRelayed(request)
}

/** @returns the caller that a refused one becomes: an administrator, where no token would have sufficed */
export const elevated = (
  needsNoToken: NeedsNoToken,
  caller: Caller,
  request: RequestInfo,
): Caller | undefined =>
  caller.kind === 'workspace' && needsNoToken(request) ? { kind: 'admin' } : undefined
