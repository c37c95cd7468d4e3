// The kinds of faults as data. The same objects are passed in code and to `POST /_emulator/faults`.

import { z } from 'zod'

/** How often the fault applies before it is used up. Without it, until it is removed. */
const times = z.int().positive().optional()
/** An action such as `machine.create`; `*` or absent means all of them. The README lists the actions. */
const action = z.string().optional()
/** The id or name of a machine. Absent means any. */
const machine = z.string().optional()
const app = z.string().optional()
/** The id of a volume. */
const volume = z.string().optional()
/** The name of a physical host, which `GET /_emulator/volumes` and `GET /_emulator/machines` show. */
const host = z.string().optional()

export const faultSchema = z.discriminatedUnion('kind', [
  /** The action is done, then the connection closes without a response. */
  z.strictObject({ kind: z.literal('lose-reply'), action, app, machine, times }),
  /** The action is done, but the response has this status, so the caller cannot know (docs/facts/fly.md §11.4). */
  z.strictObject({
    kind: z.literal('ambiguous'),
    action,
    app,
    machine,
    times,
    status: z.int().min(400).max(599),
  }),
  /**
   * The action is not done, and the response has this status: with 200 it was accepted in vain. `body` is the `error` text. With `probability` (0–1) the
   * fault applies to some calls only, to the same ones for the same seed.
   */
  z.strictObject({
    kind: z.literal('answer'),
    action,
    app,
    machine,
    times,
    status: z.union([z.literal(200), z.int().min(400).max(599)]),
    body: z.string().optional(),
    probability: z.number().min(0).max(1).optional(),
  }),
  /** The response takes this much longer, in milliseconds. */
  z.strictObject({ kind: z.literal('latency'), action, app, machine, times, ms: z.number().nonnegative() }),
  /**
   * There is no capacity (docs/facts/fly.md §8.3). `region`: 422 insufficient_capacity; `region-aborted`: 409 "no
   * capacity"; `host`: 409, also for start and update; `quota`: 403. All but `host` apply to the create of a machine only.
   * `volume`: 412, for a create with that volume, or with any when none is named. `new-volume`: 400, for the create of a
   * volume.
   */
  z.strictObject({
    kind: z.literal('capacity'),
    region: z.string().optional(),
    as: z.enum(['region', 'region-aborted', 'volume', 'new-volume', 'host', 'quota']).default('region'),
    volume,
    times,
  }),
  /**
   * A host does not respond: the config of its machines is hidden, writes time out, no request reaches a guest, and its
   * volumes cannot be forked. `machine` means that machine and its volume only; `host`, or the host of a `volume`, means
   * all machines and volumes there.
   */
  z.strictObject({ kind: z.literal('host-unreachable'), machine, host, volume }),
  /**
   * The host has no memory left: a machine is not created with a volume of this host (412), a stopped one does not start
   * (409), a started one does not get more memory (409), and no machine or volume is placed there. The host may be named by
   * a `volume` or `machine` on it.
   */
  z.strictObject({ kind: z.literal('host-full'), machine, host, volume }),
  /** Each state of a new volume lasts this many milliseconds longer. */
  z.strictObject({ kind: z.literal('slow-volume'), app, volume, ms: z.number().nonnegative() }),
  /** Each state of a new snapshot lasts this many milliseconds longer. */
  z.strictObject({ kind: z.literal('slow-snapshot'), app, volume, ms: z.number().nonnegative() }),
  /**
   * A volume stays claimed for this many milliseconds after its machine was destroyed: a machine with it is refused with
   * 412, and a delete of it shows as `waiting_for_detach`.
   */
  z.strictObject({ kind: z.literal('late-detach'), app, machine, ms: z.number().nonnegative() }),
  /**
   * Lists of volumes lag by this many milliseconds: a new volume is missing from them, and a deleted one is in them as
   * `created`.
   */
  z.strictObject({ kind: z.literal('stale-volumes'), app, ms: z.number().nonnegative() }),
  /** An extended volume shows its new size to its machine after a restart only (`needs_restart`). */
  z.strictObject({ kind: z.literal('extend-needs-restart'), app, volume }),
  /** At boot the program exits at once with this code. */
  z.strictObject({ kind: z.literal('boot-crash'), app, machine, times, exitCode: z.int().default(1) }),
  /** Applies once, at once: the kernel kills the running program because memory is exhausted. */
  z.strictObject({ kind: z.literal('out-of-memory'), machine: z.string() }),
  /** Applies once, at once: Fly stops the machine, as those of trial accounts after five minutes (docs/facts/fly.md §12.4). */
  z.strictObject({ kind: z.literal('stopped-by-fly'), machine: z.string() }),
  /** The machine boots and runs, but its ports are closed. */
  z.strictObject({ kind: z.literal('port-closed'), app, machine }),
  /** A machine is missing from lists for this many milliseconds after it was created. */
  z.strictObject({ kind: z.literal('stale-list'), app, machine, ms: z.number().nonnegative() }),
  /** Every route of a machine answers 404 for this many milliseconds after it was created. */
  z.strictObject({ kind: z.literal('late-get'), app, machine, ms: z.number().nonnegative() }),
  /**
   * A change of an app's secrets takes this many milliseconds to reach the hosts: until then a `min_secrets_version`
   * that asks for it is refused with 412, and machines boot with the values from before.
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
