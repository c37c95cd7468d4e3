// A workspace's row, as every verb passes it around.
import type { workspaces } from '../../drizzle/schema/index.ts'

export type Workspace = typeof workspaces.$inferSelect

export { OUTSIDE_STOP_POLICIES } from '../../drizzle/schema/index.ts'
