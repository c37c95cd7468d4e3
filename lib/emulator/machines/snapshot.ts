// A machine as tests and the admin API see it. It contains no env, no files and no secrets.

import type { MachineRunner } from './machine-runner.ts'
import type { MachineState } from '../store/records.ts'

export type MachineSnapshot = {
  id: string
  app: string
  name: string
  state: MachineState
  destroyed: boolean
  region: string
  /** The physical host. */
  host: string
  /** The id of the mounted volume. */
  volume?: string
  version: string
  image: string
  metadata: Record<string, string>
  restartCount: number
  /** RFC 3339. */
  createdAt: string
}

export const snapshotOf = ({ record }: MachineRunner): MachineSnapshot => ({
  id: record.id,
  app: record.app,
  name: record.name,
  state: record.state,
  destroyed: record.state === 'destroyed',
  region: record.region,
  host: record.host ?? '',
  ...(record.config.mounts?.[0] === undefined ? {} : { volume: record.config.mounts[0].volume }),
  version: record.version,
  image: record.config.image,
  metadata: { ...record.config.metadata },
  restartCount: record.restartCount,
  createdAt: new Date(record.createdAt).toISOString(),
})
