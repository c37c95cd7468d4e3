// The error type of the emulated Fly. It carries the HTTP status and the JSON body of docs/facts/fly.md §8.1.

/** Thrown anywhere below the API; becomes `{error, status?}` with this HTTP status. */
export class FlyError extends Error {
  override name = 'FlyError'
  readonly httpStatus: number
  /** The machine-readable `status` field, e.g. `insufficient_capacity`; absent on most errors. */
  readonly code: string | undefined
  /** The response has no body, as some of Fly's 408s (docs/facts/fly.md §8.2). */
  readonly empty: boolean

  constructor(httpStatus: number, message: string, extra: { code?: string; empty?: boolean } = {}) {
    super(message)
    this.httpStatus = httpStatus
    this.code = extra.code
    this.empty = extra.empty ?? false
  }

  toResponse(): Response {
    if (this.empty) return new Response(null, { status: this.httpStatus })
    return Response.json(
      { error: this.message, ...(this.code === undefined ? {} : { status: this.code }) },
      { status: this.httpStatus },
    )
  }
}

/** For a part of Fly that the emulator does not have. */
export const notEmulated = (what: string): FlyError => new FlyError(501, `the emulator has no ${what}`)
