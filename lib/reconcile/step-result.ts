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
