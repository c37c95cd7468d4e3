// The last lines of a machine that ended by itself, kept with the reason: soon afterwards the provider has forgotten
// them. The lines are bounded, and secrets are removed.
import { eq, type Placeholder } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { type KeptLine, machineLogs, type StoredReason } from '../../drizzle/schema/index.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import { toPostgresText } from '../platform/postgres-text.ts'
import type { LogLine } from '../provisioner/inside.ts'
import { loadRedactor, type Redact } from '../secrets/redact.ts'
import type { ReconcileContext } from './context.ts'

export type LastLines = typeof machineLogs.$inferSelect

/** Lines, and characters of a line. */
const MOST_LINES = 50
const MOST_CHARS = 500

/** A machine's end must not delay what follows from it. Milliseconds. */
const READ_MS = 3_000

/** Reasons whose cause the machine's own log may show. */
const SHOWN_BY_LOG: readonly StoredReason['code'][] = [
  'crashed',
  'out_of_memory',
  'machine_failed',
  'machine_gone',
  'never_started',
  'never_registered',
  'never_listened',
  'agent_silent',
]

/** Requests that {@link keepLastLines} sends, and those of what follows it. */
const COST = 3 + 2

/** Never fails: that the lines are missing must not stop a recovery. */
export async function keepLastLines(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  reason: StoredReason,
): Promise<void> {
  const { app, id, machineGeneration, machineId } = row
  if (app === null || machineId === null || !SHOWN_BY_LOG.includes(reason.code)) return
  if (services.budget.left() < COST) return
  try {
    const { lines } = await services.provisioner.logs({ app, machineId }, { onceWithinMs: READ_MS })
    if (lines.length === 0) return
    const redact = await loadRedactor(services, id)
    const kept = {
      machineId,
      generation: machineGeneration,
      reason: reason.code,
      at: services.now(),
      lines: lines.slice(-MOST_LINES).map((line) => toKept(line, redact)),
    }
    await services.db
      .insert(machineLogs)
      .values({ workspaceId: id, ...kept })
      .onConflictDoUpdate({ target: machineLogs.workspaceId, set: kept })
  } catch (error) {
    services.log('warn', 'the last lines of a machine could not be kept', {
      workspace_id: id,
      machine_id: machineId,
      error,
    })
  }
}

/** Cut after the secrets are removed, so that no half of one stays. */
const toKept = ({ at, level, message, source }: LogLine, redact: Redact): KeptLine => ({
  time: at.toISOString(),
  level,
  source,
  message: toPostgresText(redact(message).slice(0, MOST_CHARS)),
})

/** What was kept of the last machine that ended by itself. */
export async function readLastLines(db: Database, workspaceId: string): Promise<LastLines | undefined> {
  const [kept] = await lastLinesStatement(db, workspaceId)
  return kept
}

export const lastLinesStatement = (db: Database, workspaceId: string | Placeholder) =>
  db.select().from(machineLogs).where(eq(machineLogs.workspaceId, workspaceId))
