// The shapes of Fly's answers. The generated types say what may be there; the schemas check only what this client's
// callers cannot do without. Everything else passes through unread, because Fly adds fields without notice (fly.md §2.9).

import { z } from 'zod'
import type { components } from './machines-openapi.d.ts'

type Schemas = components['schemas']

export type MachineConfig = Schemas['fly.MachineConfig']
export type CreateMachineInput = Schemas['CreateMachineRequest']
export type UpdateMachineInput = Schemas['UpdateMachineRequest']
export type StopMachineInput = Schemas['StopRequest']
export type AssignIpInput = Schemas['assignIPRequest'] & { type: Schemas['IPAssignmentType'] }

/** How a program in a machine ended (fly.md §2.9). */
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

/** `timestamp` is in milliseconds. Older exits sit under `MonitorEvent`. */
export type MachineEvent = Omit<Schemas['MachineEvent'], 'request'> & {
  request?: {
    exit_event?: ExitEvent | null
    MonitorEvent?: { exit_event?: ExitEvent | null } | null
    restart_count?: number
  } | null
}

/** `config` is null while the host does not answer (`host_status`), and absent from a summary (fly.md §3). */
export type Machine = Omit<Schemas['Machine'], 'id' | 'state' | 'config' | 'checks' | 'events'> & {
  id: string
  state: string
  config?: MachineConfig | null
  checks?: Schemas['CheckStatus'][] | null
  events?: MachineEvent[] | null
}

/** `migrated`: the start moved the machine to another host; its address changed and its root file system is new. */
export type StartAnswer = { previous_state?: string; migrated?: boolean; new_host?: string }

export type WaitAnswer = { state: string; version?: string; event_id?: string }

/** `expires_at` is in Unix seconds. */
export type Lease = Omit<Schemas['Lease'], 'nonce' | 'expires_at'> & { nonce: string; expires_at: number }
/** What anybody may see of a lease; the nonce is not promised. */
export type LeaseView = Omit<Lease, 'nonce'> & { nonce?: string }

export type App = Schemas['App'] & { name: string }
export type IpAssignment = Schemas['IPAssignment']
export type AssignedIp = Schemas['AssignIPResponse']
export type TokenInfo = Schemas['main.tokenInfo']
export type Region = Schemas['main.regionRow'] & { code: string }

/** A schema that checks the fields it names and vouches for the generated type of the rest. */
const shape = <T>(schema: z.ZodType): z.ZodType<T> => schema as z.ZodType<T>

const machineSchema = z.looseObject({ id: z.string(), state: z.string() })
export const machine = shape<Machine>(machineSchema)
export const machines = shape<Machine[]>(z.array(machineSchema))
export const events = shape<MachineEvent[]>(z.array(z.looseObject({})))
// A start that worked must not fail on its answer.
export const startAnswer = shape<StartAnswer>(z.looseObject({}).catch({}))
const text = z.string().optional().catch(undefined)
export const waitAnswer = shape<WaitAnswer>(
  z.looseObject({ state: z.string(), version: text, event_id: text }),
)
export const metadata = shape<Record<string, string>>(z.record(z.string(), z.string()))
export const app = shape<App>(z.looseObject({ name: z.string() }))
export const ipList = shape<{ ips: IpAssignment[] }>(
  z.looseObject({ ips: z.array(z.looseObject({})).nullish() }).transform(({ ips }) => ({ ips: ips ?? [] })),
)
export const assignedIp = shape<AssignedIp>(z.looseObject({}))
// Both spellings are in Fly's schemas (fly.md §2.8).
export const secretsUpdate = shape<{ version?: number; Version?: number }>(
  z.looseObject({ version: z.number().optional(), Version: z.number().optional() }),
)
export const secretList = shape<{ secrets: { name: string }[] }>(
  z
    .looseObject({ secrets: z.array(z.looseObject({ name: z.string() })).nullish() })
    .transform(({ secrets }) => ({ secrets: secrets ?? [] })),
)
export const currentToken = shape<{ tokens: TokenInfo[] }>(
  z.looseObject({ tokens: z.array(z.looseObject({})) }),
)

// The wire wraps a lease in `data`, the published schema does not (fly.md §2.4).
const unwrapped = (body: unknown): unknown =>
  typeof body === 'object' && body !== null && 'data' in body ? body.data : body
export const lease = shape<Lease>(
  z.preprocess(unwrapped, z.looseObject({ nonce: z.string(), expires_at: z.number() })),
)
export const leaseView = shape<LeaseView>(
  z.preprocess(unwrapped, z.looseObject({ nonce: z.string().optional(), expires_at: z.number() })),
)

// This endpoint alone is seen with Go's own field names: `Regions`, `Nearest` (fly.md §2.8).
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
export const regionList = shape<{ regions: Region[]; nearest?: string }>(
  z.preprocess(
    snakeKeys,
    z.looseObject({ regions: z.array(z.looseObject({ code: z.string() })), nearest: z.string().optional() }),
  ),
)
