// The ways in which the emulated Fly can be made to misbehave, as data: the same objects are given in code and to
// `POST /_emulator/faults`.

import { z } from 'zod'

/** How many times the fault strikes before it is used up; without it, until it is removed. */
const times = z.int().positive().optional()
/** An action such as `machine.create`; `*` or absent means all of them. The README lists the actions. */
const action = z.string().optional()
/** The id or name of a machine. Absent means any. */
const machine = z.string().optional()
const app = z.string().optional()

export const faultSchema = z.discriminatedUnion('kind', [
  /** The action is done, then the connection dies without an answer. */
  z.strictObject({ kind: z.literal('lose-reply'), action, app, machine, times }),
  /** The action is done, but answered with this status, so the caller cannot tell (fly.md §11.4). */
  z.strictObject({
    kind: z.literal('ambiguous'),
    action,
    app,
    machine,
    times,
    status: z.int().min(400).max(599),
  }),
  /**
   * The action is not done and answered with this status; `body` is the `error` text. With `probability` (0–1) only
   * some calls are struck, the same ones for the same seed.
   */
  z.strictObject({
    kind: z.literal('answer'),
    action,
    app,
    machine,
    times,
    status: z.int().min(400).max(599),
    body: z.string().optional(),
    probability: z.number().min(0).max(1).optional(),
  }),
  /** The answer takes this much longer, in milliseconds. */
  z.strictObject({ kind: z.literal('latency'), action, app, machine, times, ms: z.number().nonnegative() }),
  /**
   * There is no room (fly.md §8.3). `region`: 422 insufficient_capacity; `region-aborted`: 409 "no capacity";
   * `volume`: 412; `host`: 409, and on start and update too; `quota`: 403. All but `host` strike creates only.
   */
  z.strictObject({
    kind: z.literal('capacity'),
    region: z.string().optional(),
    as: z.enum(['region', 'region-aborted', 'volume', 'host', 'quota']).default('region'),
    times,
  }),
  /** The machine's host does not answer: its config is hidden, writes time out, and nothing reaches the guest. */
  z.strictObject({ kind: z.literal('host-unreachable'), machine: z.string() }),
  /** At boot the program ends at once with this exit code. */
  z.strictObject({ kind: z.literal('boot-crash'), app, machine, times, exitCode: z.int().default(1) }),
  /** Strikes once, now: the running program is killed for want of memory. */
  z.strictObject({ kind: z.literal('out-of-memory'), machine: z.string() }),
  /** The machine boots and runs, but its ports are closed. */
  z.strictObject({ kind: z.literal('port-closed'), app, machine }),
  /** A machine is missing from lists for this many milliseconds after it was created. */
  z.strictObject({ kind: z.literal('stale-list'), app, machine, ms: z.number().nonnegative() }),
  /** Everything that names a machine answers 404 for this many milliseconds after it was created. */
  z.strictObject({ kind: z.literal('late-get'), app, machine, ms: z.number().nonnegative() }),
  /**
   * A change of an app's secrets takes this many milliseconds to reach the hosts: until then a `min_secrets_version` that asks
   * for it is refused with 412, and machines boot with the values from before.
   */
  z.strictObject({ kind: z.literal('secrets-lag'), app, ms: z.number().nonnegative() }),
  /** `wait` answers `{"ok": true}` as documented. Without the fault it adds state, event and version, as Fly does today. */
  z.strictObject({ kind: z.literal('bare-wait'), app, machine }),
  /** Switches rate limits on or off whatever the emulator was created with; the newest such fault counts. */
  z.strictObject({ kind: z.literal('rate-limits'), on: z.boolean() }),
])

export type Fault = z.infer<typeof faultSchema>
/** A fault as it is given: fields with a default may be left out. */
export type FaultInput = z.input<typeof faultSchema>
export type FaultKind = Fault['kind']
