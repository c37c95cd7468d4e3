// What a step came to: go on at once, look again after a while (waiting for the machine, if it is one), or all is done.
export type Outcome =
  | { next: 'again' }
  | {
      next: 'wait'
      ms: number
      /** Something was refused or not answered: the pauses grow. */
      failed?: boolean
      /** The machine is between states, and may be there before `ms` have passed. */
      settle?: boolean
    }
  | { next: 'rest' }

export const CONTINUE: Outcome = { next: 'again' }
