// An A2A request and where its response is written, as each runtime hands it to the handler.
import type { BodyLimits } from '../../../lib/a2a/body-collector.ts'
import type { OversizedBody } from '../../../lib/a2a/oversized-body.ts'
import type { ResponseWriter } from '../../../lib/a2a/response/response-writer.ts'
import type { HeaderList } from '../../../lib/a2a/wire/headers.ts'
import type { RequestInfo } from '../../http/request-info.ts'

export type A2aPath = { workspaceId: string; tail: string }

export type A2aExchange = RequestInfo & {
  path: A2aPath
  method: string
  /** `?…`, or empty. */
  query: string
  headers: HeaderList
  requestId: string
  /** Scheme and host of the request's URL. */
  origin: () => string
  /**
   * The body. Of one that is over its limits nothing is kept but what its refusal needs. Rejects with {@link RequestCutOff}
   * and nothing else.
   */
  readBody: (limits: BodyLimits) => Promise<Uint8Array | OversizedBody>
  writer: ResponseWriter
  /** Headers that the writer adds to every response. The handler fills them. */
  extraHeaders: Record<string, string>
  waitUntil: (work: Promise<unknown>) => void
}

/** The caller disconnected before its whole body had arrived. */
export class RequestCutOff extends Error {
  override name = 'RequestCutOff'

  constructor(cause?: unknown) {
    super('the caller disconnected within its request', { cause })
  }
}

/** Turns the error of a body that could not be read into {@link RequestCutOff}. */
export function cutOff(cause: unknown): never {
  throw new RequestCutOff(cause)
}
