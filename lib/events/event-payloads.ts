// The shapes that payloads of several event types share (event-types.ts).
import { z } from 'zod'
import { described } from '../platform/described.ts'
import { rolloutState, workspaceStatus } from '../../drizzle/schema/index.ts'
import { REASON_CODES, ROLLOUT_REASON_CODES } from '../platform/reasons.ts'

export type EventKind = {
  says: string
  payload: z.ZodObject
}

/** The caller's key (lib/auth/caller.ts); absent for actions of the control plane itself. */
export const by = described(() => z.string().optional())

/** Every event of a workspace contains the status after it. */
export const ofWorkspace = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject({ status: z.enum(workspaceStatus.enumValues), by, ...shape })

export const machineId = described(() => z.string().nullable())

/** Why, with a next step, as it was at the time of the event. */
export const reason = described(() =>
  z.strictObject({
    code: z.enum([...REASON_CODES, ...ROLLOUT_REASON_CODES]),
    message: z.string(),
    hint: z.string(),
    provider: z
      .strictObject({ status: z.int().nullable(), text: z.string(), request_id: z.string().nullable() })
      .optional(),
  }),
)

/** A stored message, without what was said in it. `sender` is a caller's key. */
export const ofMessage = described(() => ({
  message: z.uuid(),
  message_id: z.string(),
  context_id: z.string().nullable(),
  sender: z.string(),
}))

/** A disk, in the events of the workspace that it was made for. `volume_id` is the provider's id, once it is known. */
export const ofDisk = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject({
    disk_id: z.string(),
    volume_id: z.string().nullable(),
    region: z.string().nullable(),
    size_gb: z.int(),
    by,
    ...shape,
  })

export const asked = described(() => ofWorkspace({}))
export const lost = described(() => ofWorkspace({ machine_id: machineId, reason }))
export const failed = described(() =>
  ofWorkspace({
    machine_id: machineId,
    reason,
    machine_kept_until: z.iso.datetime().nullable(),
  }),
)
export const stopped = described(() =>
  ofWorkspace({
    machine_id: machineId,
    reason,
    stop: z.strictObject({
      verb: z.enum(['stop', 'suspend']),
      source: z.string().nullable(),
      at: z.iso.datetime().nullable(),
    }),
  }),
)
export const machine = described(() =>
  ofWorkspace({
    machine_id: z.string(),
    app: z.string(),
    region: z.string().nullable(),
    image: z.string().nullable(),
  }),
)
export const secret = described(() =>
  ofWorkspace({ key: z.string(), scope: z.enum(['workspace', 'global']) }),
)
export const health = described(() => ({ error_rate: z.number(), runtime_state: z.string() }))
export const rollout = described(() =>
  z.strictObject({
    rollout_id: z.uuid(),
    runtime: z.string(),
    image: z.string(),
    previous_image: z.string(),
    state: z.enum(rolloutState.enumValues),
    tranche: z.int(),
    tranches: z.int(),
    reason: reason.nullable(),
    by,
  }),
)
export const shape = described(() => ({
  name: z.string(),
  runtime: z.string(),
  /** Null without a machine. */
  tier: z.int().nullable(),
  regions: z.array(z.string()),
  image: z.string().nullable(),
  parent_id: z.uuid().nullable(),
  /** Absent in events of earlier versions. */
  labels: z.record(z.string(), z.string()).optional(),
  slug: z.string().nullable().optional(),
}))
