// The error that this client throws for every failed call. Its fields hold what a caller decides by.

/**
 * `refused`: the daemon answered with an error. `unreachable`: there was no answer. `timeout`: the answer took too long.
 * `too_old`: the daemon does not have a version of the Engine API that this client speaks.
 */
export type DockerErrorCode = 'refused' | 'unreachable' | 'timeout' | 'too_old'

export class DockerError extends Error {
  override name = 'DockerError'
  readonly code: DockerErrorCode
  /** The HTTP status; 0 when the daemon did not answer. */
  readonly status: number
  /** The daemon's own words; empty when it sent none. */
  readonly words: string
  /** `unknown`: the call may have been carried out. Always `no` for reads. */
  readonly applied: 'no' | 'unknown'

  constructor(
    message: string,
    facts: { code: DockerErrorCode; status?: number; words?: string; applied?: 'no' | 'unknown' },
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.code = facts.code
    this.status = facts.status ?? 0
    this.words = facts.words ?? ''
    this.applied = facts.applied ?? 'no'
  }
}

/** Whether the daemon answered with this status. */
export const isStatus = (error: unknown, ...statuses: number[]): error is DockerError =>
  error instanceof DockerError && statuses.includes(error.status)

/** What a read found; undefined where the daemon has no such thing. */
export async function ifFound<Found>(read: Promise<Found>): Promise<Found | undefined> {
  try {
    return await read
  } catch (error) {
    if (isStatus(error, 404)) return undefined
    throw error
  }
}
