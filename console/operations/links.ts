// The parts of the operations view, who may see them, and links to them.
import { mayAll, type Scope } from '../session/session.ts'

export const OPERATION_TABS = ['machines', 'rollouts', 'webhooks', 'regions', 'tokens', 'audit'] as const
export type OperationTab = (typeof OPERATION_TABS)[number]

const SCOPES: Record<OperationTab, Scope> = {
  machines: 'read',
  rollouts: 'read',
  webhooks: 'admin',
  regions: 'read',
  tokens: 'admin',
  audit: 'admin',
}

/** What the token may not read is not shown as if it could. */
export const isOffered = (tab: OperationTab): boolean => mayAll(SCOPES[tab])

/** @param id of one rollout or endpoint in the part */
export const linkToOperations = (tab: OperationTab, id?: string) =>
  `#/operations?tab=${tab}${id === undefined ? '' : `&id=${encodeURIComponent(id)}`}`
