// The parts of the operations view, and links to them.

export const OPERATION_TABS = ['machines', 'regions'] as const
export type OperationTab = (typeof OPERATION_TABS)[number]

export const linkToOperations = (tab: OperationTab) => `#/operations?tab=${tab}`
