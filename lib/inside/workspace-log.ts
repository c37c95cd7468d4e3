// The log of one workspace: that of its machine, and of machines that it had before. Lines get the generation that
// wrote them, and lose their secrets here, so that no reader sees any.
import { and, inArray, isNotNull } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { events, ofWorkspace } from '../../drizzle/schema/index.ts'
import { getWorkspace } from '../lifecycle/queries.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import type { LogLine, LogPage, LogQuery } from '../provisioner/inside.ts'
import { ProvisionError } from '../provisioner/provisioner.ts'
import { SecretsUnreadable } from '../secrets/read-secrets.ts'
import { loadRedactor, type Redact } from '../secrets/redact.ts'
import type { ReconcileContext } from '../reconcile/context.ts'
import { refuseWithoutMachine } from '../workspaces/external.ts'
import { encodeCursor, type LogCursor } from './log-cursor.ts'

export type LogEntry = LogLine & {
  machine: string
  /** Null where it is not known. */
  generation: number | null
  /** Where a reader continues that has this line. */
  cursor: LogCursor
  /** The same as text. */
  position: string
}

/** `missed`: lines between the cursor and the page may be lost, because the provider does not reach back so far. */
export type EntryPage = { entries: LogEntry[]; missed: boolean }

type Boot = { machine: string; app: string; generation: number | null; at: number }

export type WorkspaceLog = { row: Workspace; redact: Redact; boots: Boot[] }

/** Boots that are looked at: far more than the provider's log reaches back. */
const BOOTS = 50

/** @throws DomainError `not_found`; `conflict` for a workspace without a machine; `misconfigured` when the secrets cannot be read, so that they cannot be removed */
export async function openLog(services: ReconcileContext, workspaceId: string): Promise<WorkspaceLog> {
  const { db } = services
  const row = await getWorkspace(db, workspaceId)
  refuseWithoutMachine(row, 'read')
  const booted = await bootsStatement(db, workspaceId)
  return { row, redact: await redactorFor(services, workspaceId), boots: booted.map(toBoot) }
}

/** The events of the newest machines of a workspace. */
export function bootsStatement(db: Database, workspaceId: string) {
  const { newestFirst, where } = ofWorkspace(workspaceId)
  return db
    .select({ payload: events.payload, generation: events.generation, at: events.at })
    .from(events)
    .where(
      and(
        where,
        // It is that of the machine, and the index of events with one is without messages.
        isNotNull(events.generation),
        inArray(events.type, ['machine_created', 'machine_updated', 'machine_adopted']),
      ),
    )
    .orderBy(...newestFirst)
    .limit(BOOTS)
}

const toBoot = (event: { payload: Record<string, unknown>; generation: number | null; at: Date }): Boot => ({
  machine: String(event.payload['machine_id']),
  app: String(event.payload['app']),
  generation: event.generation,
  at: event.at.getTime(),
})

async function redactorFor(services: ReconcileContext, workspaceId: string): Promise<Redact> {
  try {
    return await loadRedactor(services, workspaceId)
  } catch (error) {
    if (!(error instanceof SecretsUnreadable)) throw error
    const message = `the log is not shown, because its secrets could not be removed: ${error.message}`
    throw new DomainError('misconfigured', message)
  }
}

/**
 * The newest page, or the page after a cursor. After the last line of an earlier machine the next machine's follow.
 * @throws DomainError `invalid_input` for a cursor of another workspace; ProvisionError
 */
export async function readPage(
  services: ReconcileContext,
  log: WorkspaceLog,
  cursor: LogCursor | undefined,
  query: Omit<LogQuery, 'after'> = {},
): Promise<EntryPage> {
  const current = log.row.machineId ?? undefined
  const machine = cursor?.machine ?? current
  if (machine === undefined) return { entries: [], missed: false }
  const app = appOf(log, machine)
  // A cursor comes from outside, and must not lead to machines of others.
  if (app === undefined) throw invalidField('after', 'is not a position in the log of this workspace')
  const token = cursor?.token ?? ''
  const isEarlier = machine !== current && current !== undefined
  const read = services.provisioner.logs({ app, machineId: machine }, { ...query, after: token })
  const page = await (isEarlier ? read.catch(nothingOfForgotten) : read)
  const known = cursor === undefined ? -1 : page.lines.findLastIndex(({ id }) => id === cursor.line)
  const entries = page.lines.slice(known + 1).map((line, at, { length }): LogEntry => {
    const isLast = at === length - 1
    const position = { machine, token: isLast ? page.next : token, line: line.id }
    return relabel(log, { ...line, machine, cursor: position, position: encodeCursor(position) })
  })
  if (entries.length === 0 && isEarlier) {
    // A position in the log of an app holds for all of its machines (docs/facts/fly.md §12.2).
    const next = app === log.row.app ? { machine: current, token, line: '' } : undefined
    return readPage(services, log, next, query)
  }
  // A newest page that no longer has the reader's last line may begin after the next one.
  return { entries, missed: cursor?.token === '' && known === -1 && entries.length > 0 }
}

/** An entry without its secrets, and with the generation that wrote it, as the workspace was last read. */
export const relabel = (log: WorkspaceLog, entry: Omit<LogEntry, 'generation'>): LogEntry => ({
  ...entry,
  message: log.redact(entry.message),
  generation: generationOf(log, entry.machine, entry.at),
})

/** The provider forgets a machine that is gone, and its log with it. */
function nothingOfForgotten(error: unknown): LogPage {
  if (error instanceof ProvisionError && error.problem.code === 'machine_not_found')
    return { lines: [], next: '' }
  throw error
}

function appOf({ boots, row }: WorkspaceLog, machine: string): string | undefined {
  if (machine === row.machineId && row.app !== null) return row.app
  return boots.find((boot) => boot.machine === machine)?.app
}

/** Lines may be a moment older than the event of their boot, which is written after the provider's answer. */
function generationOf({ boots, row }: WorkspaceLog, machine: string, at: Date): number | null {
  const own = boots.filter((boot) => boot.machine === machine)
  const boot = own.find((one) => one.at <= at.getTime()) ?? own.at(-1)
  return boot?.generation ?? (machine === row.machineId ? row.machineGeneration : null)
}
