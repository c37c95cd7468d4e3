// The records of apps, machines and volumes. They are plain JSON, because a store saves them as they are.

import type { MachineConfig } from '../config/machine-config.ts'

/** Fly also has `updating`. Here an update shows as `replacing` (docs/facts/fly.md §3). */
export type MachineState =
  | 'created'
  | 'starting'
  | 'started'
  | 'stopping'
  | 'stopped'
  | 'suspending'
  | 'suspended'
  | 'restarting'
  | 'replacing'
  | 'failed'
  | 'destroying'
  | 'destroyed'

export type EventSource = 'user' | 'flyd' | 'proxy'

export type EventType = 'launch' | 'start' | 'stop' | 'exit' | 'update' | 'restart' | 'suspend' | 'destroy'

export type MachineEvent = {
  id: string
  type: EventType
  /** The resulting state. `pending` comes before the first one. */
  status: MachineState | 'pending'
  source: EventSource
  /** Milliseconds since 1970. */
  timestamp: number
  request?: Record<string, unknown>
}

export type ImageRef = {
  registry: string
  repository: string
  tag: string
  digest: string
  labels: Record<string, string>
}

export type CheckResult = {
  name: string
  status: 'passing' | 'critical'
  output: string
  /** RFC 3339: the last change of the status, not the last run (docs/facts/fly.md §4.4). */
  updated_at: string
}

export type LeaseRecord = {
  nonce: string
  owner: string
  description: string
  /** Milliseconds since 1970. */
  expiresAt: number
  version: string
}

export type MachineRecord = {
  id: string
  app: string
  /** The id of the app: a new app under an old name does not get the old machines. */
  appId: string
  name: string
  region: string
  /** The physical host. Fly does not show it. Absent in records from before hosts were emulated. */
  host?: string
  state: MachineState
  /** The current version; `instance_id` is the same value. */
  version: string
  config: MachineConfig
  imageRef: ImageRef
  privateIp: string
  /** Milliseconds since 1970, like `updatedAt`. */
  createdAt: number
  updatedAt: number
  /** Newest first. */
  events: MachineEvent[]
  /** Newest first, the current one included. */
  versions: { version: string; config: MachineConfig; imageRef: ImageRef }[]
  checks: CheckResult[]
  cordoned: boolean
  skipServiceRegistration: boolean
  skipLaunch: boolean
  /** Restarts by the policy since the last start by the API or the proxy. */
  restartCount: number
  lease?: LeaseRecord
}

/** The states of docs/facts/fly.md §2.7 that occur here. */
export type VolumeState =
  | 'creating'
  | 'restoring'
  | 'enabling_remote_export'
  | 'hydrating'
  | 'created'
  | 'extending'
  | 'waiting_for_detach'
  | 'scheduling_destroy'
  | 'pending_destroy'
  | 'destroyed'

export type SnapshotRecord = {
  id: string
  status: 'waiting' | 'running' | 'created'
  /** Milliseconds since 1970, like `takenAt`. */
  requestedAt: number
  /** When the data was copied; absent while it waits. */
  takenAt?: number
  sizeBytes: number
  volumeSizeGb: number
  retentionDays: number
}

export type VolumeRecord = {
  id: string
  app: string
  appId: string
  /** Not unique. */
  name: string
  region: string
  /** The physical host. Fly shows only its `zone`. */
  host: string
  zone: string
  state: VolumeState
  sizeGb: number
  encrypted: boolean
  fstype: string
  snapshotRetention: number
  autoBackupEnabled: boolean
  /** What it was filled from. */
  source?: { volume: string } | { snapshot: string }
  /** The machine that has it, from the creation of the machine until some time after its end. */
  attachedMachineId?: string
  /** As measured when the volume was last read. */
  usedBytes: number
  snapshots: SnapshotRecord[]
  /** Milliseconds since 1970, like `updatedAt` and `deletedAt`. */
  createdAt: number
  updatedAt: number
  deletedAt?: number
}

export type IpRecord = {
  ip: string
  type: string
  region: string
  shared: boolean
  createdAt: number
  network?: string
  serviceName?: string
}

export type SecretRecord = {
  value: string
  digest: string
  /** Milliseconds since 1970, like `updatedAt`. */
  createdAt: number
  updatedAt: number
}

/** The secrets of an app after one change of them. */
export type SecretsVersion = {
  version: number
  secrets: Record<string, SecretRecord>
  /** Milliseconds since 1970. */
  changedAt: number
}

/** One `fly deploy` of an app. flyctl creates it, and sets its status as the deployment goes on. */
export type ReleaseRecord = {
  id: string
  version: number
  /** `pending`, `running`, `complete`, `failed` and others, as flyctl names them. */
  status: string
  strategy: string
  image: string
  /** The app config that was deployed. */
  definition: unknown
  createdAt: number
}

export type AppRecord = {
  id: string
  numericId: number
  name: string
  network: string
  createdAt: number
  ips: IpRecord[]
  /** Tokens that are valid for this app only. */
  deployTokens: string[]
  /** By name; absent until there was one. */
  secrets?: Record<string, SecretRecord>
  /** Counts the changes of the secrets. */
  secretsVersion?: number
  /** Milliseconds since 1970. */
  secretsChangedAt?: number
  /** Newest first. */
  earlierSecrets?: SecretsVersion[]
  /** Newest first; absent until there was one. */
  releases?: ReleaseRecord[]
  deleting: boolean
}
