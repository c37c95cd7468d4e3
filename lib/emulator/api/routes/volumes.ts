// The volumes of an app and their snapshots (docs/facts/fly.md §2.7).

import { z } from 'zod'
import type { Call, Route } from '../route.ts'
import { resolveGuest } from '../../config/guest-size.ts'
import { FlyError } from '../../shared/fly-error.ts'
import { isTrue } from './machines.ts'
import { pageOf, timeKey } from '../paging.ts'
import { renderSnapshot, renderVolume } from '../render-volume.ts'
import type { VolumeRecord } from '../../store/records.ts'
import type { VolumeRequest } from '../../volumes/volumes.ts'

const VOLUMES = '/v1/apps/:app/volumes'
/** Not `:id`, which is a machine: a volume action has no machine, so its rate limit is that of the app. */
const VOLUME = `${VOLUMES}/:volume`

const retention = z.int().min(1).max(60).nullish()
const createBody = z.looseObject({
  name: z.string().regex(/^[a-z0-9_]{1,30}$/),
  region: z.string().nullish(),
  size_gb: z.int().min(1).max(500).nullish(),
  encrypted: z.boolean().nullish(),
  fstype: z.enum(['ext4', 'raw']).nullish(),
  snapshot_id: z.string().nullish(),
  source_volume_id: z.string().nullish(),
  snapshot_retention: retention,
  auto_backup_enabled: z.boolean().nullish(),
  require_unique_zone: z.boolean().nullish(),
  unique_zone_app_wide: z.boolean().nullish(),
  compute: z
    .looseObject({ cpu_kind: z.string().optional(), cpus: z.int().optional(), memory_mb: z.int().optional() })
    .nullish(),
})
const updateBody = z.looseObject({
  snapshot_retention: retention,
  auto_backup_enabled: z.boolean().nullish(),
})
const extendBody = z.looseObject({ size_gb: z.int().min(1).max(500) })

export function addVolumeRoutes(route: Route): void {
  route('GET', VOLUMES, 'volume.list', listVolumes)

  route('POST', VOLUMES, 'volume.create', async (call) => {
    const app = call.app()
    const asked = volumeRequest(call, checked(createBody, await call.body()))
    await call.cloud.runtime.sleep(call.cloud.runtime.timings.placeMs)
    return Response.json(renderVolume(call.cloud.runtime, await call.cloud.volumes.create(app, asked)))
  })

  route('GET', VOLUME, 'volume.get', async (call) => {
    const volume = volumeOf(call)
    await call.cloud.volumes.measure(volume)
    return Response.json(renderVolume(call.cloud.runtime, volume))
  })

  route('PUT', VOLUME, 'volume.update', async (call) => {
    const body = checked(updateBody, await call.body())
    const volume = volumeToWrite(call)
    volume.snapshotRetention = body.snapshot_retention ?? volume.snapshotRetention
    volume.autoBackupEnabled = body.auto_backup_enabled ?? volume.autoBackupEnabled
    call.cloud.volumes.changed(volume)
    return Response.json(renderVolume(call.cloud.runtime, volume))
  })

  route('DELETE', VOLUME, 'volume.delete', (call) => {
    const volume = volumeToWrite(call)
    call.cloud.volumes.remove(volume)
    return Response.json(renderVolume(call.cloud.runtime, volume))
  })

  route('PUT', `${VOLUME}/extend`, 'volume.extend', async (call) => {
    const { size_gb: sizeGb } = checked(extendBody, await call.body())
    const volume = volumeToWrite(call)
    call.cloud.volumes.extend(volume, sizeGb)
    return Response.json({
      volume: renderVolume(call.cloud.runtime, volume),
      needs_restart:
        volume.attachedMachineId !== undefined && call.cloud.runtime.faults.extendNeedsRestart(volume),
    })
  })

  route('GET', `${VOLUME}/snapshots`, 'snapshot.list', (call) => {
    const volume = call.cloud.volumes.getEvenGone(call.app(), call.param('volume'))
    return Response.json(call.cloud.volumes.snapshots.of(volume).map(renderSnapshot))
  })

  route('POST', `${VOLUME}/snapshots`, 'snapshot.create', (call) => {
    call.cloud.volumes.snapshots.take(volumeToWrite(call))
    return new Response(null)
  })
}

function volumeRequest({ cloud }: Call, body: z.infer<typeof createBody>): VolumeRequest {
  const { regions } = cloud.runtime
  // An alias or a list, as a machine may have, is not accepted.
  const region = body.region || regions[0] || 'iad'
  if (!regions.includes(region)) throw new FlyError(400, `invalid_argument: region ${region} not found`)
  const source = body.source_volume_id
    ? { volume: body.source_volume_id }
    : body.snapshot_id
      ? { snapshot: body.snapshot_id }
      : undefined
  return {
    name: body.name,
    region,
    sizeGb: body.size_gb ?? undefined,
    encrypted: body.encrypted ?? true,
    fstype: body.fstype ?? 'ext4',
    snapshotRetention: body.snapshot_retention ?? 5,
    autoBackupEnabled: body.auto_backup_enabled ?? true,
    requireUniqueZone: body.require_unique_zone ?? true,
    uniqueZoneAppWide: body.unique_zone_app_wide ?? false,
    memoryMb: body.compute ? resolveGuest(definedOnly(body.compute), undefined).memory_mb : 0,
    source,
  }
}

const definedOnly = (compute: object): object =>
  Object.fromEntries(Object.entries(compute).filter(([, value]) => value !== undefined && value !== null))

/** @throws FlyError 400 with the path of the field */
function checked<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new FlyError(
    400,
    `invalid_argument: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid body'}`,
  )
}

const volumeOf = ({ cloud, app, param }: Call): VolumeRecord => cloud.volumes.get(app(), param('volume'))

/** @throws FlyError 404; 408 when the host is unreachable */
function volumeToWrite(call: Call): VolumeRecord {
  const volume = volumeOf(call)
  if (call.cloud.runtime.faults.volumeUnreachable(volume)) throw new FlyError(408, '', { empty: true })
  return volume
}

function listVolumes({ cloud, app, query }: Call): Response {
  const { runtime } = cloud
  const lag = runtime.faults.volumeListLag(app().name)
  const found = cloud.volumes.of(app()).flatMap((volume) => {
    if (lag === 0) return volume.state === 'destroyed' ? [] : [volume]
    if (runtime.now() - volume.createdAt < lag) return []
    const leaving = runtime.now() - (volume.deletedAt ?? -Infinity) < lag
    return leaving ? [{ ...volume, state: 'created' as const }] : volume.state === 'destroyed' ? [] : [volume]
  })
  const page = pageOf(found, query, 1000, (volume) => timeKey(volume.createdAt, volume.id))
  const summary = isTrue(query.get('summary'))
  return Response.json(
    page.items.map((volume) => renderVolume(runtime, volume, summary)),
    { headers: page.next === undefined ? {} : { 'fly-next-cursor': page.next } },
  )
}
