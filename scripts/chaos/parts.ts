// What a run is made of: kinds of faults, kinds of load, and what was found wrong. A new kind is a file in faults/ or load/ and
// a line in stage.ts.
import type { Remains } from './checks/remains.ts'

/** Puts one kind of fault into force again and again. */
export type Fault = {
  /** Chosen with `--faults`. */
  name: string
  /** Runs until the signal aborts, and then removes what it has put into force. @returns how often it struck */
  run: (over: AbortSignal) => Promise<number>
}

/** Uses one control plane in one way, and checks what became of it. */
export type Load = {
  name: string
  run: (over: AbortSignal) => Promise<void>
  /** What is still under way, and may end while the run settles. */
  open?: (remains: Remains) => Violation[]
  /** What ended wrongly. */
  wrong?: (remains: Remains) => Violation[]
  /** What became of each request, in words that are counted and printed. */
  outcomes?: () => string[]
  /** For the last line; those of all control planes are added. */
  figures?: (remains: Remains) => Partial<Record<Figure, number>>
}

/**
 * `messages`: sent by users, hooks and delegations; `answered`: those of them that an agent answered; `stored`: those of the
 * answered that were stored first; `counted`: acknowledged counts on disks.
 */
export const FIGURES = [
  'messages',
  'answered',
  'stored',
  'hooks',
  'delegations',
  'rollouts',
  'webhooks',
  'counted',
  'disks',
  'snapshots',
  'restores',
  'forks',
] as const

export type Figure = (typeof FIGURES)[number]

/** The kinds of violations, and what the last line calls their number. */
export const VIOLATIONS = {
  leak: 'leaks',
  duplicate: 'duplicates',
  touched: 'touched',
  stuck: 'stuck',
  unexplained: 'unexplained',
  lost: 'lost',
  doubled: 'doubled',
  misreported: 'misreported',
  'webhook lost': 'webhooks_lost',
  'hook lost': 'hooks_lost',
  'delegation stuck': 'delegations_stuck',
  'rollout stuck': 'rollouts_stuck',
  'disk lost': 'disks_lost',
  'disk doubled': 'disks_doubled',
  'disk orphaned': 'disks_orphaned',
  'work lost': 'work_lost',
  'too little': 'too_little',
} as const

export type Violation = {
  kind: keyof typeof VIOLATIONS
  /** The workspace it is about, if it is about one. */
  workspace?: string | undefined
  what: string
}
