// What the conformance agents do with a message, by its text and whatever SDK they are written with: each of A2A's ways to
// answer, without a clock, so that the same message has the same answer directly and through us.
import { setImmediate as nextTick } from 'node:timers/promises'

export type State = 'submitted' | 'working' | 'input-required' | 'completed' | 'canceled' | 'failed'

/** How an SDK says things. Ids of tasks and contexts are its own affair. */
export type Voice = {
  message(text: string): void
  task(state: State): void
  status(state: State, text: string): void
  artifact(piece: { text: string; append: boolean; last: boolean }): void
}

export type Turn = {
  text: string
  /** The message continues a task that is there already. */
  isFollowUp: boolean
  voice: Voice
  /** Settles when the task is let go on or canceled. */
  held: Promise<'released' | 'canceled'>
}

/**
 * - `make`: a task with an artifact, completed in one turn
 * - `chunks`: a task whose artifact comes in three pieces
 * - `ask`: a task that needs another message, which completes it
 * - `fail`: a task that fails
 * - `throw`: an error inside the agent
 * - `hold`: a task that works until it is released or canceled
 * - anything else: a Message
 */
export async function behave({ text, isFollowUp, voice, held }: Turn): Promise<void> {
  if (isFollowUp) return voice.status('completed', `Thank you for: ${text}`)
  switch (text) {
    case 'make':
      voice.task('submitted')
      voice.status('working', 'at it')
      voice.artifact({ text: 'the whole result: ü, 漢字, 🛰️, \u2028', append: false, last: true })
      return voice.status('completed', 'done')
    case 'chunks':
      voice.task('working')
      for (const [at, piece] of ['first ', 'sécond ', 'third 🎈'].entries()) {
        await nextTick()
        voice.artifact({ text: piece, append: at > 0, last: at === 2 })
      }
      return voice.status('completed', 'done')
    case 'ask':
      voice.task('submitted')
      return voice.status('input-required', 'which one?')
    case 'fail':
      voice.task('submitted')
      return voice.status('failed', 'it cannot be done')
    case 'throw':
      throw new Error('the agent has a bug')
    case 'hold': {
      voice.task('working')
      if ((await held) === 'canceled') return voice.status('canceled', 'as you wish')
      voice.artifact({ text: 'worth the wait', append: false, last: true })
      return voice.status('completed', 'done')
    }
    default:
      return voice.message(`You said: ${text}`)
  }
}

/** The tasks that are held, by id. */
export class Holds {
  readonly #ends = new Map<string, (end: 'released' | 'canceled') => void>()

  hold(taskId: string): Promise<'released' | 'canceled'> {
    return new Promise((resolve) => this.#ends.set(taskId, resolve))
  }

  end(taskId: string, end: 'released' | 'canceled'): void {
    this.#ends.get(taskId)?.(end)
    this.#ends.delete(taskId)
  }
}
