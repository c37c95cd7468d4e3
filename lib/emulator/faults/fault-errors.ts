// The errors that faults answer with. Texts are Fly's own where they are known (docs/facts/fly.md §8.3).

import { FlyError } from '../shared/fly-error.ts'
import type { Fault } from './fault-kinds.ts'

export const hostFull = (): FlyError =>
  new FlyError(
    409,
    'aborted: could not reserve resource for machine: insufficient memory available to fulfill request',
  )

export const hostOfVolumeFull = (volume: string): FlyError =>
  new FlyError(412, `insufficient resources to create new machine with existing volume '${volume}'`, {
    code: 'volume_placement_capacity',
  })

export const noVolumeCapacity = (): FlyError => new FlyError(400, 'no capacity')

export function errorForCapacity(
  as: Extract<Fault, { kind: 'capacity' }>['as'],
  region: string,
  organization: string,
  volume = '',
): FlyError {
  switch (as) {
    case 'region':
      return new FlyError(422, `could not find a candidate host in region ${region}`, {
        code: 'insufficient_capacity',
      })
    case 'region-aborted':
      return new FlyError(409, 'aborted: no capacity')
    case 'volume':
      return hostOfVolumeFull(volume)
    case 'new-volume':
      return noVolumeCapacity()
    case 'host':
      return hostFull()
    case 'quota':
      return new FlyError(
        403,
        `organization "${organization}" is using 51200 MB of memory in ${region} which is over the allowed quota. please consider other regions`,
      )
  }
}

/** The text of an error for which a fault gives none. */
export function textForStatus(status: number): string {
  if (status === 429) return 'rate limit exceeded'
  if (status === 408) return 'deadline_exceeded: request to the host timed out'
  return status >= 500 ? 'unknown: internal error' : 'refused by a fault'
}
