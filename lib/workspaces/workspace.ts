// A workspace's row, as every verb passes it around.
import type { workspaces } from '../../drizzle/schema.ts'

export type Workspace = typeof workspaces.$inferSelect
