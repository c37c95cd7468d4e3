// An A2A request and where its response is written, as each runtime hands it to the handler.
import type { BodyLimits } from '../../../lib/a2a/body-collector.ts'
import type { OversizedBody } from '../../../lib/a2a/oversized-body.ts'
import type { ResponseWriter } from '../../../lib/a2a/response/response-writer.ts'
import type { HeaderPairs } from '../../../lib/a2a/wire/headers.ts'
import type { RequestInfo } from '../../http/request-info.ts'

export type A2aPath = { workspaceId: string; tail: string }

export type A2aExchange = RequestInfo & {
  path: A2aPath
  method: string
  /** `?…`, or empty. */
  query: string
  headers: HeaderPairs
  requestId: string
  /** Scheme and host of the request's URL. */
  origin: () => string
  /** The body. Of one that is over its limits nothing is kept but what its refusal needs. */
  readBody: (limits: BodyLimits) => Promise<Uint8Array | OversizedBody>
  writer: ResponseWriter
  /** Headers that the writer adds to every response. The handler fills them. */
  extraHeaders: Record<string, string>
  waitUntil: (work: Promise<unknown>) => void
}
