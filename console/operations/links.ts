// The parts of the operations view, and links to them.

export const OPERATION_TABS = ['machines', 'rollouts', 'regions'] as const
export type OperationTab = (typeof OPERATION_TABS)[number]

/** @param id of one rollout or endpoint in the part */
export const linkToOperations = (tab: OperationTab, id?: string) =>
  `#/operations?tab=${tab}${id === undefined ? '' : `&id=${encodeURIComponent(id)}`}`
