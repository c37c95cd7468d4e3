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
  version: record.version,
  image: record.config.image,
  metadata: { ...record.config.metadata },
  restartCount: record.restartCount,
  createdAt: new Date(record.createdAt).toISOString(),
})
