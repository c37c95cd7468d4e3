// Compares the provider's volumes with the ledger, every ten minutes: stores how much of each disk is used, finds disks
// that are gone and volumes with our name that are in no record. A list lags, so nothing is concluded from one look.
import { and, eq, gte, inArray, isNotNull, isNull, lte, sql } from 'drizzle-orm'
import { disks, orphanDisks } from '../../drizzle/schema/index.ts'
import { changeDisk } from '../disks/change-disk.ts'
import { volumePrefix } from '../disks/disk-names.ts'
import { insertEvents } from '../events/append-event.ts'
import type { Disk } from '../lifecycle/workspace.ts'
import { readControlPlaneId } from '../platform/control-plane-id.ts'
import type { ProviderDisk } from '../provisioner/disks.ts'
import { ProvisionError } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from '../reconcile/context.ts'
import { ABSENCE_MS } from '../reconcile/observation.ts'

/** Absent disks that one pass looks at, and orphans that one pass deletes. */
const MOST_PER_PASS = 5

/** Requests for one of them. */
const COST = 4

/** Two looks at an orphan must be this far apart, so that no pass deletes what it discovered, in milliseconds. */
const BETWEEN_LOOKS_MS = 60_000

export async function inventoryDisks(services: ReconcileContext): Promise<void> {
  const { db, provisioner } = services
  const controlPlane = await readControlPlaneId(db)
  if (controlPlane === undefined) return
  const prefix = await volumePrefix(controlPlane)
  for (const app of provisioner.apps) {
    if (services.budget.left() < COST) return
    const listed = await listOf(services, app)
    if (listed === undefined) continue
    const living = listed.filter(({ phase }) => phase !== 'gone')
    await recordSeen(services, app, living)
    await confirmAbsent(services, app, living)
    await continueDeletions(services, app, living, prefix)
    await recordOrphans(services, app, living, prefix)
  }
  await deleteOrphans(services, prefix)
}

async function listOf(services: ReconcileContext, app: string): Promise<ProviderDisk[] | undefined> {
  try {
    return await services.provisioner.listDisks(app)
  } catch (error) {
    if (!(error instanceof ProvisionError)) throw error
    services.log('warn', 'the provider did not list its disks', { app, code: error.problem.code })
    return undefined
  }
}

/** One statement, however many disks there are. A disk that was missing and is back is ready again. */
async function recordSeen({ db, now }: ReconcileContext, app: string, listed: ProviderDisk[]): Promise<void> {
  const rows = listed.map(({ id, phase, sizeGb, state, usedBytes }) => ({
    id,
    phase,
    sizeGb,
    state,
    usedBytes,
  }))
  await db.execute(sql`
    update ${disks} set used_bytes = coalesce(seen."usedBytes", used_bytes), provider_state = seen.state,
      size_gb = greatest(size_gb, seen."sizeGb"), seen_at = ${now().toISOString()}::timestamptz, absent_since = null,
      state = case when disks.state = 'missing' and seen.phase = 'ready' then 'ready'::disk_state else disks.state end
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as seen(id text, phase text, "sizeGb" int, state text, "usedBytes" bigint)
    where disks.volume_id = seen.id and disks.app = ${app} and disks.state in ('ready', 'missing')`)
}

async function confirmAbsent(services: ReconcileContext, app: string, listed: ProviderDisk[]): Promise<void> {
  const known = new Set(listed.map(({ id }) => id))
  const ready = await services.db
    .select()
    .from(disks)
    .where(and(eq(disks.app, app), eq(disks.state, 'ready'), isNotNull(disks.volumeId)))
    // Those of which nothing can be said now must not keep the others waiting.
    .orderBy(sql`random()`)
  const absent = ready.filter(({ volumeId }) => volumeId !== null && !known.has(volumeId))
  for (const disk of absent.slice(0, MOST_PER_PASS)) {
    if (services.budget.left() < COST) return
    await confirmOne(services, disk)
  }
}

async function confirmOne(services: ReconcileContext, disk: Disk): Promise<void> {
  const now = services.now()
  const observed = await services.provisioner.observeDisk({ app: disk.app ?? '', id: disk.volumeId ?? '' })
  const isGone =
    observed.presence === 'absent' || (observed.presence === 'present' && observed.disk.phase === 'gone')
  if (!isGone) return
  const isSecondLook = disk.absentSince !== null && now.getTime() - disk.absentSince.getTime() >= ABSENCE_MS
  await changeDisk(services, {
    id: disk.id,
    now,
    where: eq(disks.state, 'ready'),
    changes: isSecondLook ? { state: 'missing' } : { absentSince: disk.absentSince ?? now },
    ...(isSecondLook ? { logs: { event: 'disk_missing', payload: {} } } : {}),
  })
}

/**
 * A create can be carried out after its disk was given up, when replicas' clocks differ or a list lags for longer than a
 * create may take. No machine ever had such a volume, and its deletion was requested: it continues.
 */
async function continueDeletions(
  services: ReconcileContext,
  app: string,
  listed: ProviderDisk[],
  prefix: string,
): Promise<void> {
  const ours = new Map(
    listed
      .filter(({ name }) => name.startsWith(prefix))
      .map(({ id, name }) => [`disk_${name.slice(prefix.length)}`, id]),
  )
  const isGivenUp = and(eq(disks.state, 'gone'), isNull(disks.volumeId), isNull(disks.mountedAt))
  const late = await services.db
    .select({ id: disks.id })
    .from(disks)
    .where(and(isGivenUp, sql`${disks.id} = any(string_to_array(${[...ours.keys()].join(',')}, ','))`))
  for (const { id } of late.slice(0, MOST_PER_PASS)) {
    const volumeId = ours.get(id) ?? null
    services.log('warn', 'a volume appeared after its disk was given up: it is deleted', {
      disk_id: id,
      volume_id: volumeId,
    })
    await changeDisk(services, {
      id,
      now: services.now(),
      where: isGivenUp,
      changes: { state: 'deleting', workspaceId: null, app, volumeId, deletedAt: null },
    })
  }
}

/** A volume is in a record by its id or, while its create is not answered, by the name that follows from the disk. */
async function recordOrphans(
  { db, now }: ReconcileContext,
  app: string,
  listed: ProviderDisk[],
  prefix: string,
): Promise<void> {
  const ours = listed
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ id, name }) => ({ id, name, disk: `disk_${name.slice(prefix.length)}` }))
  const at = sql`${now().toISOString()}::timestamptz`
  await db.execute(sql`
    with found as (
      select volume.id, volume.name from jsonb_to_recordset(${JSON.stringify(ours)}::jsonb) as volume(id text, name text, disk text)
      where not exists (
        select from ${disks} known where known.state <> 'gone'
          and (known.volume_id = volume.id or (known.id = volume.disk and known.volume_id is null)))
    ), left_over as (
      update ${orphanDisks} set gone_at = ${at}
      where app = ${app} and gone_at is null and volume_id not in (select id from found) returning volume_id
    )
    insert into ${orphanDisks} (volume_id, app, name, first_seen_at, last_seen_at)
    select id, ${app}, name, ${at}, ${at} from found
    on conflict (volume_id) do update
      set sightings = orphan_disks.sightings + 1, last_seen_at = ${at}, gone_at = null`)
}

/** Only where a setting says so, after its time, and never what this pass has discovered. */
async function deleteOrphans(services: ReconcileContext, prefix: string): Promise<void> {
  const { config, db, log, provisioner } = services
  const { orphanHours } = config.disks
  if (orphanHours === undefined) return
  const now = services.now()
  const due = await db
    .select()
    .from(orphanDisks)
    .where(
      and(
        isNull(orphanDisks.goneAt),
        gte(orphanDisks.sightings, 2),
        lte(orphanDisks.firstSeenAt, new Date(now.getTime() - orphanHours * 3_600_000)),
        lte(orphanDisks.firstSeenAt, new Date(now.getTime() - BETWEEN_LOOKS_MS)),
        // Seen by this pass: one that has disappeared since needs nothing.
        gte(orphanDisks.lastSeenAt, new Date(now.getTime() - BETWEEN_LOOKS_MS)),
      ),
    )
    .orderBy(sql`random()`)
    .limit(MOST_PER_PASS)
  const gone: string[] = []
  for (const { app, name, volumeId } of due) {
    if (services.budget.left() < COST || !name.startsWith(prefix)) break
    try {
      await provisioner.deleteDisk({ app, id: volumeId })
    } catch (error) {
      if (!(error instanceof ProvisionError)) throw error
      log('warn', 'an orphaned disk could not be deleted', { volume_id: volumeId, code: error.problem.code })
      continue
    }
    gone.push(volumeId)
    const payload = { app, volume_id: volumeId, name }
    await insertEvents(db, { event: 'orphan_disk_deleted', payload, at: now })
  }
  if (gone.length === 0) return
  await db.update(orphanDisks).set({ goneAt: now }).where(inArray(orphanDisks.volumeId, gone))
}
