// What a step led to: go on at once, look again after a while, or everything is done.
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

export const CONTINUE: StepResult = { next: 'again' }

/** How long a machine may take from one state to the next, per wait. */
export const STATE_CHANGE = { next: 'wait', ms: 25_000, forMachine: true } as const
