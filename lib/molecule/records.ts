// What Molecule's clients keep on a server and this control plane has no use for: positions on a canvas, approvals,
// memories (MOLECULE_COMPAT). One table holds all kinds. Each write is one statement, which a removed workspace refuses.
import { and, asc, desc, eq, gt, isNull, or, sql } from 'drizzle-orm'
import { type MoleculeKind, moleculeRecords, workspaces } from '../../drizzle/schema/index.ts'
import { getLivingWorkspace } from '../lifecycle/queries.ts'
import type { Store } from '../platform/context.ts'
import { DomainError } from '../platform/errors.ts'

export type MoleculeRecord = typeof moleculeRecords.$inferSelect

/** Most records of one kind of one workspace. */
export const MAX_RECORDS = 1_000

export type NewRecord = {
  kind: MoleculeKind
  /** Null for what belongs to no workspace. */
  workspaceId: string | null
  /** An earlier record with it is changed: members that are not given stay as they are. */
  key: string
  value: Record<string, unknown>
  expiresAt?: Date
}

/** @throws DomainError `not_found`; `rate_limited` when there are {@link MAX_RECORDS} already */
export async function saveRecord({ db, now }: Store, record: NewRecord): Promise<MoleculeRecord> {
  const { expiresAt, key, kind, value, workspaceId } = record
  const at = now().toISOString()
  const owner =
    workspaceId === null
      ? sql`true`
      : sql`exists (
    select 1 from ${workspaces} where id = ${workspaceId}::uuid and status <> 'removed')`
  const isKnown = sql`kind = ${kind} and workspace_id is not distinct from ${workspaceId}::uuid`
  const rows = await db
    .insert(moleculeRecords)
    .select(
      sql`select ${crypto.randomUUID()}::uuid, ${kind}::text, ${workspaceId}::uuid, ${key}::text,
        ${JSON.stringify(value)}::jsonb, ${expiresAt?.toISOString() ?? null}::timestamptz, ${at}::timestamptz, ${at}::timestamptz
        where ${owner} and (
          exists (select 1 from ${moleculeRecords} where ${isKnown} and key = ${key})
          or (select count(*) from ${moleculeRecords} where ${isKnown}) < ${MAX_RECORDS})`,
    )
    .onConflictDoUpdate({
      target: [moleculeRecords.kind, moleculeRecords.workspaceId, moleculeRecords.key],
      set: {
        value: sql`${moleculeRecords.value} || excluded.value`,
        expiresAt: sql`excluded.expires_at`,
        updatedAt: sql`excluded.updated_at`,
      },
    })
    .returning()
  const [row] = rows
  if (row !== undefined) return row
  if (workspaceId !== null) await getLivingWorkspace(db, workspaceId)
  throw new DomainError('rate_limited', `there are already ${MAX_RECORDS} of them: delete some first`)
}

const isLive = (now: Date) => or(isNull(moleculeRecords.expiresAt), gt(moleculeRecords.expiresAt, now))

/** Records of living workspaces; `workspaceIds` undefined: of all. Oldest first, or newest first. */
export const listRecords = (
  { db, now }: Store,
  kind: MoleculeKind,
  workspaceIds?: readonly string[],
  order: 'oldest' | 'newest' = 'oldest',
): Promise<MoleculeRecord[]> =>
  db
    .select()
    .from(moleculeRecords)
    .where(
      and(
        eq(moleculeRecords.kind, kind),
        isLive(now()),
        workspaceIds === undefined
          ? undefined
          : sql`${moleculeRecords.workspaceId} = any(${`{${workspaceIds.join(',')}}`}::uuid[])`,
      ),
    )
    .orderBy((order === 'oldest' ? asc : desc)(moleculeRecords.createdAt), moleculeRecords.id)
    .limit(MAX_RECORDS)

/** The record with a key. */
export async function findRecord(
  { db, now }: Store,
  kind: MoleculeKind,
  workspaceId: string | null,
  key: string,
): Promise<MoleculeRecord | undefined> {
  const [row] = await db
    .select()
    .from(moleculeRecords)
    .where(
      and(
        eq(moleculeRecords.kind, kind),
        sql`${moleculeRecords.workspaceId} is not distinct from ${workspaceId}::uuid`,
        eq(moleculeRecords.key, key),
        isLive(now()),
      ),
    )
  return row
}

/**
 * Changes a record whose value has certain members, in one statement.
 * @returns undefined when there is none, or it has other members by now
 */
export async function changeRecord(
  { db, now }: Store,
  { key, kind, workspaceId }: { key: string; kind: MoleculeKind; workspaceId: string },
  from: Record<string, unknown>,
  to: Record<string, unknown>,
): Promise<MoleculeRecord | undefined> {
  const [row] = await db
    .update(moleculeRecords)
    .set({ value: sql`${moleculeRecords.value} || ${JSON.stringify(to)}::jsonb`, updatedAt: now() })
    .where(
      and(
        eq(moleculeRecords.key, key),
        eq(moleculeRecords.kind, kind),
        eq(moleculeRecords.workspaceId, workspaceId),
        sql`${moleculeRecords.value} @> ${JSON.stringify(from)}::jsonb`,
      ),
    )
    .returning()
  return row
}

/** @returns whether there was one */
export async function deleteRecord(
  { db }: Store,
  kind: MoleculeKind,
  workspaceId: string,
  key: string,
): Promise<boolean> {
  const rows = await db
    .delete(moleculeRecords)
    .where(
      and(
        eq(moleculeRecords.kind, kind),
        eq(moleculeRecords.workspaceId, workspaceId),
        eq(moleculeRecords.key, key),
      ),
    )
    .returning({ id: moleculeRecords.id })
  return rows.length > 0
}
