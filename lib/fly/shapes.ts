// The shapes of Fly's answers. The generated types describe all fields; the schemas check only those that callers of
// this client need. All other fields pass unchecked, because Fly adds fields without notice (docs/facts/fly.md §2.9).

import { z } from 'zod'
import type { components } from './machines-openapi.d.ts'
import { whenUsed } from '../platform/when-used.ts'

type Schemas = components['schemas']

export type MachineConfig = Schemas['fly.MachineConfig']
export type CreateMachineInput = Schemas['CreateMachineRequest']
export type UpdateMachineInput = Schemas['UpdateMachineRequest']
export type CreateVolumeInput = Schemas['CreateVolumeRequest']
export type StopMachineInput = Schemas['StopRequest']
export type AssignIpInput = Schemas['assignIPRequest'] & { type: Schemas['IPAssignmentType'] }

/** How a program in a machine ended (docs/facts/fly.md §2.9). */
export type ExitEvent = {
  exit_code?: number
  guest_exit_code?: number
  guest_signal?: number
  oom_killed?: boolean
  requested_stop?: boolean
  restarting?: boolean
  signal?: number
  exited_at?: string
}

/** `timestamp` is in milliseconds. Older events have the exit in `MonitorEvent`. */
export type MachineEvent = Omit<Schemas['MachineEvent'], 'request'> & {
  request?: {
    exit_event?: ExitEvent | null
    MonitorEvent?: { exit_event?: ExitEvent | null } | null
    restart_count?: number
  } | null
}

/**
 * `config` is null while the host does not answer (`host_status`), and absent in a summary (docs/facts/fly.md §3).
 */
export type Machine = Omit<Schemas['Machine'], 'id' | 'state' | 'config' | 'checks' | 'events'> & {
  id: string
  state: string
  config?: MachineConfig | null
  checks?: Schemas['CheckStatus'][] | null
  events?: MachineEvent[] | null
}

/** `migrated`: the start moved the machine to another host, with another address and a new root file system. */
export type StartAnswer = { previous_state?: string; migrated?: boolean; new_host?: string }

export type WaitAnswer = { state?: string; version?: string; event_id?: string }

/** `expires_at` is in Unix seconds. */
export type Lease = Omit<Schemas['Lease'], 'nonce' | 'expires_at'> & { nonce: string; expires_at: number }
/** A lease as others see it; the nonce may be missing. */
export type LeaseView = Omit<Lease, 'nonce'> & { nonce?: string }

/** `region` may be missing in an answer (docs/facts/fly.md §12). */
export type Volume = Omit<Schemas['Volume'], 'id' | 'name' | 'state'> & {
  id: string
  name: string
  state: string
}
export type VolumeSnapshot = Schemas['VolumeSnapshot'] & { id: string }
export type ExtendVolumeAnswer = { volume?: Volume; needs_restart?: boolean }

export type App = Schemas['App'] & { name: string }
export type IpAssignment = Schemas['IPAssignment']
export type AssignedIp = Schemas['AssignIPResponse']
export type TokenInfo = Schemas['main.tokenInfo']
export type Region = Schemas['main.regionRow'] & { code: string }

/** Types a schema, which checks only some fields, as the generated type. Most requests need one of them, or none. */
const shape = <T>(make: () => z.ZodType): z.ZodType<T> => whenUsed(make) as z.ZodType<T>

const machineSchema = z.looseObject({ id: z.string(), state: z.string() })
export const machine = shape<Machine>(() => machineSchema)
export const machines = shape<Machine[]>(() => z.array(machineSchema))
export const events = shape<MachineEvent[]>(() => z.array(z.looseObject({})))
// A start that succeeded must not fail because of its answer.
export const startAnswer = shape<StartAnswer>(() => z.looseObject({}).catch({}))
const text = z.string().optional().catch(undefined)
export const waitAnswer = shape<WaitAnswer>(() =>
  // The documentation shows `{"ok": true}`; Fly also sends the state (docs/facts/fly.md §12).
  z.looseObject({ state: text, version: text, event_id: text }),
)
export const metadata = shape<Record<string, string>>(() => z.record(z.string(), z.string()))
export const app = shape<App>(() => z.looseObject({ name: z.string() }))
export const ipList = shape<{ ips: IpAssignment[] }>(() =>
  z.looseObject({ ips: z.array(z.looseObject({})).nullish() }).transform(({ ips }) => ({ ips: ips ?? [] })),
)
export const assignedIp = shape<AssignedIp>(() => z.looseObject({}))
const volumeSchema = z.looseObject({ id: z.string(), name: z.string(), state: z.string() })
export const volume = shape<Volume>(() => volumeSchema)
export const volumes = shape<Volume[]>(() => z.array(volumeSchema))
export const extendVolumeAnswer = shape<ExtendVolumeAnswer>(() => z.looseObject({}))
export const snapshots = shape<VolumeSnapshot[]>(() =>
  z
    .array(z.looseObject({ id: z.string() }))
    .nullish()
    .transform((list) => list ?? []),
)
// Fly's schemas have both spellings (docs/facts/fly.md §2.8).
export const secretsUpdate = shape<{ version?: number; Version?: number }>(() =>
  z.looseObject({ version: z.number().optional(), Version: z.number().optional() }),
)
export const secretList = shape<{ secrets: { name: string }[] }>(() =>
  z
    .looseObject({ secrets: z.array(z.looseObject({ name: z.string() })).nullish() })
    .transform(({ secrets }) => ({ secrets: secrets ?? [] })),
)
export const currentToken = shape<{ tokens: TokenInfo[] }>(() =>
  z.looseObject({ tokens: z.array(z.looseObject({})) }),
)

// Fly wraps a lease in `data`, unlike its published schema (docs/facts/fly.md §2.4).
const unwrapped = (body: unknown): unknown =>
  typeof body === 'object' && body !== null && 'data' in body ? body.data : body
export const lease = shape<Lease>(() =>
  z.preprocess(unwrapped, z.looseObject({ nonce: z.string(), expires_at: z.number() })),
)
export const leaseView = shape<LeaseView>(() =>
  z.preprocess(unwrapped, z.looseObject({ nonce: z.string().optional(), expires_at: z.number() })),
)

// This endpoint also answers with Go's field names, `Regions` and `Nearest` (docs/facts/fly.md §2.8).
const snakeKeys = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(snakeKeys)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase(),
      snakeKeys(inner),
    ]),
  )
}
export const regionList = shape<{ regions: Region[]; nearest?: string }>(() =>
  z.preprocess(
    snakeKeys,
    z.looseObject({ regions: z.array(z.looseObject({ code: z.string() })), nearest: z.string().optional() }),
  ),
)
