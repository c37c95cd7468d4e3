// Creates and updates machines: from the request body to the record (docs/facts/fly.md §2.2).

import { z } from 'zod'
import type { Cloud } from '../apps/cloud.ts'
import { availableSecrets } from '../apps/app-secrets.ts'
import { FlyError, notEmulated } from '../shared/fly-error.ts'
import { machineId, machineName, privateIp } from '../shared/ids.ts'
import { parseImageRef } from '../machines/image-ref.ts'
import { takeLease } from '../machines/leases.ts'
import { parseMachineConfig } from '../config/machine-config.ts'
import type { MachineRunner } from '../machines/machine-runner.ts'
import type { AppRecord, MachineRecord, VolumeRecord } from '../store/records.ts'
import { errorForCapacity, hostOfVolumeFull } from '../faults/fault-errors.ts'
import type { MachineConfig } from '../config/machine-config.ts'
import { wrongRegion } from '../volumes/volume-errors.ts'
import { candidateRegions } from '../apps/regions.ts'

const bodySchema = z.looseObject({
  name: z.string().nullish(),
  region: z.string().nullish(),
  config: z.unknown().optional(),
  current_version: z.string().nullish(),
  lease_ttl: z.int().nullish(),
  min_secrets_version: z.int().nullish(),
  skip_secrets: z.boolean().nullish(),
  skip_launch: z.boolean().nullish(),
  skip_service_registration: z.boolean().nullish(),
})

export type MachineRequestBody = z.infer<typeof bodySchema>

/** @throws FlyError 400 when the body has the wrong types */
function parseMachineBody(body: unknown): MachineRequestBody {
  const parsed = bodySchema.safeParse(body)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new FlyError(
    400,
    `invalid_argument: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid body'}`,
  )
}

/** The new machine in state `created`. `nonce` is set when the request has a `lease_ttl`. */
export async function createMachine(
  cloud: Cloud,
  app: AppRecord,
  input: unknown,
  owner: string,
): Promise<{ runner: MachineRunner; nonce: string | undefined }> {
  const { runtime } = cloud
  const body = parseMachineBody(input)
  const config = parseMachineConfig(body.config)
  const volume = mountedVolume(cloud, app, config)
  const region = chooseRegion(cloud, body.region ?? undefined, volume)
  assertSecrets(cloud, app, body)
  const imageRef = await parseImageRef(config.image)
  await runtime.sleep(runtime.timings.placeMs)
  // Nothing is awaited from here on, so that two creates with one name cannot both pass the check.
  if (app.deleting) throw new FlyError(404, 'app not found')
  const name = body.name ?? machineName()
  assertNameFree(cloud, app, name)
  const host = placeMachine(cloud, region, config, volume)
  const now = runtime.now()
  const version = runtime.ulid()
  const runner = cloud.addMachine({
    id: machineId(),
    app: app.name,
    appId: app.id,
    name,
    region,
    host,
    state: 'created',
    version,
    config,
    imageRef,
    privateIp: privateIp(),
    createdAt: now,
    updatedAt: now,
    events: [],
    versions: [{ version, config, imageRef }],
    checks: [],
    cordoned: false,
    skipServiceRegistration: body.skip_service_registration ?? false,
    skipLaunch: body.skip_launch ?? false,
    restartCount: 0,
  })
  if (volume !== undefined) cloud.volumes.attach(volume, runner.record.id)
  const nonce = lease(cloud, runner, body, owner)
  runner.create()
  return { runner, nonce }
}

/** Replaces the whole config. Name and region of the machine do not change. */
export async function updateMachine(
  cloud: Cloud,
  runner: MachineRunner,
  input: unknown,
  owner: string,
  nonce: string | undefined,
): Promise<{ nonce: string | undefined }> {
  const { record } = runner
  const body = parseMachineBody(input)
  const config = parseMachineConfig(body.config)
  assertSameMount(cloud, record, config)
  assertSecrets(cloud, cloud.getApp(record.app), body)
  const imageRef = await parseImageRef(config.image)
  if (typeof body.current_version === 'string' && body.current_version !== record.version) {
    throw new FlyError(
      409,
      `aborted: current version ${record.version} does not match the expected version ${body.current_version}`,
    )
  }
  const full = cloud.runtime.faults.capacityError(record.region, 'update', cloud.runtime.organization)
  if (full !== undefined) throw full
  runner.update(config, imageRef, body.skip_launch ?? false)
  record.skipServiceRegistration = body.skip_service_registration ?? false
  return { nonce: lease(cloud, runner, body, owner, nonce) }
}

/** A host refuses a version of the secrets that has not reached it yet (docs/facts/fly.md §2.8). */
function assertSecrets({ runtime }: Cloud, app: AppRecord, body: MachineRequestBody): void {
  if (body.skip_secrets === true) throw notEmulated('skip_secrets')
  const lagMs = runtime.faults.secretsLag(app.name)
  if ((body.min_secrets_version ?? 0) <= availableSecrets(app, runtime.now(), lagMs).version) return
  throw new FlyError(412, 'failed_precondition: min_secrets_version not yet available')
}

/** The volume of a new machine. Fly adds what it knows of it to the mount. */
function mountedVolume(cloud: Cloud, app: AppRecord, config: MachineConfig): VolumeRecord | undefined {
  const mount = config.mounts?.[0]
  if (mount === undefined) return undefined
  const volume = cloud.volumes.get(app, mount.volume)
  cloud.volumes.assertMountable(volume)
  Object.assign(mount, describeMount(volume))
  return volume
}

const describeMount = ({ name, sizeGb, encrypted }: VolumeRecord) => ({ name, size_gb: sizeGb, encrypted })

/** An update keeps the volume or drops the mount. It cannot mount another one (docs/facts/fly.md §4.2, §11.8). */
function assertSameMount(cloud: Cloud, record: MachineRecord, config: MachineConfig): void {
  const mount = config.mounts?.[0]
  if (mount === undefined) return
  if (mount.volume !== record.config.mounts?.[0]?.volume) {
    throw new FlyError(400, 'invalid_argument: the volume of an existing machine cannot be changed')
  }
  Object.assign(mount, describeMount(cloud.volumes.get(cloud.getApp(record.app), mount.volume)))
}

/** The host of a new machine: that of its volume, if it has one. */
function placeMachine(
  { runtime, volumes }: Cloud,
  region: string,
  config: MachineConfig,
  volume: VolumeRecord | undefined,
): string {
  const memoryMb = config.guest.memory_mb
  if (volume === undefined) {
    const host = volumes.hosts.forMachine(region, memoryMb)
    if (host === undefined) throw errorForCapacity('region', region, runtime.organization)
    return host
  }
  // The volume may have been taken while this machine was being placed.
  volumes.assertMountable(volume)
  if (runtime.faults.volumeUnreachable(volume) || !volumes.hosts.hasMemory(volume.host, memoryMb)) {
    throw hostOfVolumeFull(volume.id)
  }
  return volume.host
}

/** The region of the volume. Without a region Fly chooses one near the caller, whatever the volume says. */
function regionOfVolume({ runtime }: Cloud, asked: string | undefined, volume: VolumeRecord): string {
  const candidates = candidateRegions(asked, runtime.regions)
  const isOpen = asked === undefined || asked === ''
  if (isOpen && candidates[0] !== volume.region) throw hostOfVolumeFull(volume.id)
  if (!candidates.includes(volume.region)) throw wrongRegion(volume, candidates.join(','))
  const full = runtime.faults.capacityError(volume.region, 'create', runtime.organization, volume.id)
  if (full !== undefined) throw full
  return volume.region
}

/** The first requested region that has capacity. */
function chooseRegion(cloud: Cloud, asked: string | undefined, volume: VolumeRecord | undefined): string {
  const { runtime } = cloud
  if (volume !== undefined) return regionOfVolume(cloud, asked, volume)
  let refusal: FlyError | undefined
  for (const region of candidateRegions(asked, runtime.regions)) {
    const full = runtime.faults.capacityError(region, 'create', runtime.organization)
    if (full === undefined) return region
    refusal = full
  }
  throw refusal ?? new FlyError(422, 'could not find a candidate host', { code: 'insufficient_capacity' })
}

function assertNameFree(cloud: Cloud, app: AppRecord, name: string): void {
  const holder = cloud.machinesOf(app).find((runner) => !runner.isGone && runner.record.name === name)
  if (holder === undefined) return
  throw new FlyError(
    409,
    `already_exists: unique machine name violation, machine ID ${holder.record.id} already exists with name "${name}"`,
  )
}

function lease(
  cloud: Cloud,
  runner: MachineRunner,
  body: MachineRequestBody,
  owner: string,
  nonce?: string,
): string | undefined {
  if (typeof body.lease_ttl !== 'number' || body.lease_ttl <= 0) return undefined
  return takeLease(runner.record, { ttl: body.lease_ttl, owner, nonce }, cloud.runtime.now()).nonce
}
