// The title of an operation, and its description where the route itself has none.
export type OperationText = { summary: string; description?: string }
