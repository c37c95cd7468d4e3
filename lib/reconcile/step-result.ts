// What a step led to: go on at once, look again after a while, or everything is done. And the run of steps that it belongs to.
export type StepResult =
  | { next: 'again' }
  | {
      next: 'wait'
      ms: number
      /** The provider refused or did not answer: the pauses grow. */
      failed?: boolean
      /** The machine is changing state, and may be there before `ms` have passed. */
      forMachine?: boolean
    }
  | { next: 'rest' }
  /** The step's own statement has released the lease, with the time of the next check. */
  | { next: 'released' }

export type Run = {
  /** Steps before this one. */
  steps: number
  /** When the run ends, in Unix milliseconds. */
  until: number
}

export const CONTINUE: StepResult = { next: 'again' }

/** How long a machine may take from one state to the next, per wait. */
export const STATE_CHANGE = { next: 'wait', ms: 25_000, forMachine: true } as const
