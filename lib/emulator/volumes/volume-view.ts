// A volume as tests and the admin API see it: with its host, which Fly does not show.

import type { VolumeRecord, VolumeState } from '../store/records.ts'

export type VolumeView = {
  id: string
  app: string
  name: string
  state: VolumeState
  region: string
  host: string
  sizeGb: number
  attachedMachineId?: string
  /** Ids of finished snapshots, oldest first. */
  snapshots: string[]
}

export const viewOf = (volume: VolumeRecord): VolumeView => ({
  id: volume.id,
  app: volume.app,
  name: volume.name,
  state: volume.state,
  region: volume.region,
  host: volume.host,
  sizeGb: volume.sizeGb,
  ...(volume.attachedMachineId === undefined ? {} : { attachedMachineId: volume.attachedMachineId }),
  snapshots: volume.snapshots.flatMap(({ id, status }) => (status === 'created' ? [id] : [])),
})
