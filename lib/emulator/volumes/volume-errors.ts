// The refusals of volume calls. A text without a note is Fly's own, as reported (docs/facts/fly.md §2.7); the others are
// listed as assumptions in the README.

import { FlyError } from '../shared/fly-error.ts'
import type { VolumeRecord } from '../store/records.ts'

export const bound = (machine: string): FlyError =>
  new FlyError(412, `failed_precondition: volume is currently bound to machine: ${machine}`)

export const claimed = (machine: string): FlyError =>
  new FlyError(412, `failed_precondition: volume already claimed by machine ${machine}`)

export const wrongRegion = (volume: VolumeRecord, region: string): FlyError =>
  new FlyError(
    400,
    `Mounts source volume "${volume.id}" is in the wrong region ("${volume.region}" != "${region}")`,
  )

export const snapshotScheduled = (at: number): FlyError =>
  new FlyError(412, `failed_precondition: snapshot is already scheduled at ${new Date(at).toISOString()}`)

/** An assumption, like those below. */
export const notFound = (): FlyError => new FlyError(404, 'not_found: volume not found')

export const snapshotNotFound = (): FlyError => new FlyError(404, 'not_found: snapshot not found')

export const notReady = ({ id, state }: VolumeRecord): FlyError =>
  new FlyError(412, `failed_precondition: volume ${id} is not ready, currently ${state}`)

export const sourceUnreachable = ({ id }: VolumeRecord): FlyError =>
  new FlyError(412, `failed_precondition: the host of source volume ${id} is unreachable`)

export const smallerThanSource = (sizeGb: number): FlyError =>
  new FlyError(400, `invalid_argument: size_gb must be at least ${sizeGb}, the size of the source`)

export const notLarger = (sizeGb: number): FlyError =>
  new FlyError(400, `invalid_argument: size_gb must be larger than the current size of ${sizeGb} GB`)
