// What a chaos run leaves: reads the rows and events of one control plane.
import type { InferSelectModel } from 'drizzle-orm'
import type { Database } from '../../../drizzle/database.ts'
import * as schema from '../../../drizzle/schema/index.ts'
import type { WorkspaceRow } from '../../../lib/lifecycle/workspace.ts'
import type { Holdings } from '../holdings.ts'
import type { StoredEvent } from './history.ts'

export type StoredMessage = {
  id: string
  messageId: string
  workspaceId: string
  state: string
  failure: { delivered: string; reason: string } | null
  /** It came from a hook or from another workspace, and not from a user of the run. */
  senderOrHook: boolean
}

/** `machines` and `volumes` are all at the provider, of all control planes and of others. */
export type Remains = Holdings & {
  /** The id of the control plane. */
  controlPlane: string
  rows: WorkspaceRow[]
  /** Events of workspaces, by workspace, in their order. */
  events: Map<string, StoredEvent[]>
  /** Every event, as the log has it. */
  log: Pick<InferSelectModel<typeof schema.events>, 'seq' | 'type' | 'workspaceId'>[]
  /** The ledger of disks, with deleted ones. */
  disks: InferSelectModel<typeof schema.disks>[]
  messages: StoredMessage[]
  delegations: InferSelectModel<typeof schema.delegations>[]
  rollouts: InferSelectModel<typeof schema.rollouts>[]
  rolloutWorkspaces: InferSelectModel<typeof schema.rolloutWorkspaces>[]
  endpoints: InferSelectModel<typeof schema.webhookEndpoints>[]
  deliveries: InferSelectModel<typeof schema.webhookDeliveries>[]
  now: Date
}

export async function remainsOf(db: Database, holdings: Holdings, controlPlane: string): Promise<Remains> {
  const rows = await db.select().from(schema.workspaces)
  const { caller, failure, id, messageId, state, workspaceId } = schema.messages
  const messages = await db
    .select({ caller, failure, id, messageId, state, workspaceId })
    .from(schema.messages)
  const log = await db.select().from(schema.events).orderBy(schema.events.seq)
  const events = new Map<string, StoredEvent[]>()
  for (const event of log) {
    const { generation, workspaceId: of } = event
    if (generation === null || of === null) continue
    const list = events.get(of) ?? []
    list.push({ ...event, generation })
    events.set(of, list)
  }
  return {
    controlPlane,
    rows,
    events,
    log,
    ...holdings,
    disks: await db.select().from(schema.disks),
    messages: messages.map((message) => ({
      ...message,
      senderOrHook: /^(hook|workspace):/.test(message.caller),
    })),
    delegations: await db.select().from(schema.delegations),
    rollouts: await db.select().from(schema.rollouts),
    rolloutWorkspaces: await db.select().from(schema.rolloutWorkspaces),
    endpoints: await db.select().from(schema.webhookEndpoints),
    deliveries: await db.select().from(schema.webhookDeliveries),
    now: new Date(),
  }
}
