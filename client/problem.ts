// The error that every failed request throws: the server's problem document, or the reason why there is none.

/** The body of a failure (RFC 9457), as the server sends it. */
export type ProblemDocument = {
  title: string
  status: number
  detail: string
  code: string
  request_id: string
  errors?: { field: string; message: string }[]
}

/** A request that failed. `code` is stable, `message` is for people. */
export class ApiProblem extends Error {
  override name = 'ApiProblem'
  /** The HTTP status; 0 when no response came. */
  readonly status: number
  /** The server's code; `unreachable` when no response came, `unexpected_response` when it was not the server's. */
  readonly code: string
  readonly requestId: string | undefined
  /** One entry for each invalid field. */
  readonly errors: readonly { field: string; message: string }[]

  constructor(
    message: string,
    options: {
      status: number
      code: string
      requestId?: string | undefined
      errors?: ProblemDocument['errors'] | undefined
      cause?: unknown
    },
  ) {
    super(message, { cause: options.cause })
    this.status = options.status
    this.code = options.code
    this.requestId = options.requestId
    this.errors = options.errors ?? []
  }
}

/** @param response with a status of 400 or more */
export async function problemOf(response: Response): Promise<ApiProblem> {
  const { status } = response
  const text = await response.text().catch(() => '')
  const document = parse(text)
  if (document === undefined) {
    const message = `the answer ${status} does not come from this API: check the address of the server`
    return new ApiProblem(message, { status, code: 'unexpected_response' })
  }
  const { code, detail, errors, request_id: requestId } = document
  return new ApiProblem(detail, { status, code, requestId, errors })
}

/** @param response with the status 202 to an A2A message whose agent has not answered in time */
export async function answeredLater(response: Response): Promise<ApiProblem> {
  const { url } = (await response.json()) as { url: string }
  const message = `the agent has not answered yet: the message is stored, and its answer will be at ${url}`
  return new ApiProblem(message, { status: 202, code: 'stored' })
}

function parse(text: string): ProblemDocument | undefined {
  try {
    const value = JSON.parse(text) as Partial<ProblemDocument>
    return typeof value.detail === 'string' && typeof value.code === 'string'
      ? (value as ProblemDocument)
      : undefined
  } catch {
    return undefined
  }
}
