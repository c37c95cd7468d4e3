// Bounds how much of the answers to stored messages one workspace makes this process keep at the same time. Nobody waits for these
// answers, so beyond the limit the one of which most has arrived continues, and the others wait at their agent.

/** One answer that is being kept. */
export type KeptAnswer = {
  /** @returns whether more of it may arrive now; if not, `resume` is called when it may */
  add(bytes: number): boolean
  release(): void
}

export type AnswersInFlight = {
  /** @param resume lets a paused answer arrive again */
  open(workspaceId: string, resume: () => void): KeptAnswer
  /** Whether only one answer of the workspace arrives. */
  isFull(workspaceId: string): boolean
}

/** @param maxBytes of one workspace; the largest answer may exceed it */
export function createAnswersInFlight(maxBytes: number): AnswersInFlight {
  const workspaces = new Map<string, WorkspaceAnswers>()
  return {
    isFull: (workspaceId) => workspaces.get(workspaceId)?.isFull === true,

    open(workspaceId, resume) {
      const answers = workspaces.get(workspaceId) ?? new WorkspaceAnswers(maxBytes)
      workspaces.set(workspaceId, answers)
      const answer = answers.open(resume)
      return {
        add: (bytes) => answers.add(answer, bytes),
        release() {
          answers.release(answer)
          if (answers.isEmpty && workspaces.get(workspaceId) === answers) workspaces.delete(workspaceId)
        },
      }
    },
  }
}

type Answer = { bytes: number; isPaused: boolean; resume: () => void }

class WorkspaceAnswers {
  readonly #maxBytes: number
  readonly #answers = new Set<Answer>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get isFull(): boolean {
    return this.#bytes > this.#maxBytes
  }

  get isEmpty(): boolean {
    return this.#answers.size === 0
  }

  open(resume: () => void): Answer {
    const answer: Answer = { bytes: 0, isPaused: false, resume }
    this.#answers.add(answer)
    return answer
  }

  add(answer: Answer, bytes: number): boolean {
    answer.bytes += bytes
    this.#bytes += bytes
    const wasPaused = answer.isPaused
    answer.isPaused = !this.#mayArrive(answer)
    // What was under way when it was paused may have made it the largest.
    if (wasPaused && !answer.isPaused) answer.resume()
    return !answer.isPaused
  }

  release(answer: Answer): void {
    if (!this.#answers.delete(answer)) return
    this.#bytes -= answer.bytes
    for (const other of this.#answers) {
      if (!other.isPaused || !this.#mayArrive(other)) continue
      other.isPaused = false
      other.resume()
    }
  }

  #mayArrive(answer: Answer): boolean {
    return !this.isFull || this.#answers.values().every(({ bytes }) => bytes <= answer.bytes)
  }
}
