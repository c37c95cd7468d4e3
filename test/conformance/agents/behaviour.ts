// What the conformance agents do with a message. It depends on the text of the message only, not on the SDK or a clock, so
// that the same message gets the same answer directly and through the proxy.
import { setImmediate as nextTick } from 'node:timers/promises'

export type State = 'submitted' | 'working' | 'input-required' | 'completed' | 'canceled' | 'failed'

/** Publishes results with an SDK. The SDK chooses the ids of tasks and contexts. */
export type Publisher = {
  message(text: string): void
  task(state: State): void
  status(state: State, text: string): void
  artifact(piece: { text: string; append: boolean; last: boolean }): void
}

export type Turn = {
  text: string
  /** The message continues an existing task. */
  isFollowUp: boolean
  publisher: Publisher
  /** Resolves when the task is released or canceled. */
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
export async function behave({ text, isFollowUp, publisher, held }: Turn): Promise<void> {
  if (isFollowUp) return publisher.status('completed', `Thank you for: ${text}`)
  switch (text) {
    case 'make':
      publisher.task('submitted')
      publisher.status('working', 'at it')
      publisher.artifact({ text: 'the whole result: ü, 漢字, 🛰️, \u2028', append: false, last: true })
      return publisher.status('completed', 'done')
    case 'chunks':
      publisher.task('working')
      for (const [at, piece] of ['first ', 'sécond ', 'third 🎈'].entries()) {
        await nextTick()
        publisher.artifact({ text: piece, append: at > 0, last: at === 2 })
      }
      return publisher.status('completed', 'done')
    case 'ask':
      publisher.task('submitted')
      return publisher.status('input-required', 'which one?')
    case 'fail':
      publisher.task('submitted')
      return publisher.status('failed', 'it cannot be done')
    case 'throw':
      throw new Error('the agent has a bug')
    case 'hold': {
      publisher.task('working')
      if ((await held) === 'canceled') return publisher.status('canceled', 'as you wish')
      publisher.artifact({ text: 'worth the wait', append: false, last: true })
      return publisher.status('completed', 'done')
    }
    default:
      return publisher.message(`You said: ${text}`)
  }
}

/** The tasks that wait for `end`, by id. */
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
