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
import type { AppRecord } from '../store/records.ts'
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
export function parseMachineBody(body: unknown): MachineRequestBody {
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
  const region = chooseRegion(cloud, body.region ?? undefined)
  assertSecrets(cloud, app, body)
  const imageRef = await parseImageRef(config.image)
  await runtime.sleep(runtime.timings.placeMs)
  // Nothing is awaited from here on, so that two creates with one name cannot both pass the check.
  if (app.deleting) throw new FlyError(404, 'app not found')
  const name = body.name ?? machineName()
  assertNameFree(cloud, app, name)
  const now = runtime.now()
  const version = runtime.ulid()
  const runner = cloud.addMachine({
    id: machineId(),
    app: app.name,
    appId: app.id,
    name,
    region,
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

/** The first requested region that has capacity. */
function chooseRegion({ runtime }: Cloud, asked: string | undefined): string {
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
