// MOLECULE_COMPAT: the text of proxied messages in the activity of a workspace, from which Molecule's canvas shows a chat again
// after a reload, and its usage of tokens (docs/facts/molecule.md §3.6). Without MOLECULE_COMPAT messages are not recorded.
import type { ProxyContext } from '../../../lib/a2a/context.ts'
import type { A2aRequest } from '../../../lib/a2a/request.ts'
import type { ResponseListener, ResponseWriter } from '../../../lib/a2a/response/response-writer.ts'
import type { HeaderList } from '../../../lib/a2a/wire/headers.ts'
import { ACTIVITY_LIMITS } from '../../../lib/activity/activity-row.ts'
import { concatBytes } from '../../../lib/platform/encoding.ts'

type Kept = { services: ProxyContext; reply: ResponseWriter }

/** @returns what the proxy gets in place of both, so that it records the message and its answer where they are short JSON */
export function keepMessage(services: ProxyContext, request: A2aRequest, reply: ResponseWriter): Kept {
  const { body, isJson } = request
  const isKept = isJson && body !== undefined && body.length <= MAX_SHORT_BYTES
  const sent = isKept ? new TextDecoder().decode(body) : undefined
  const copy = new CopyingWriter(reply)
  const activity: ProxyContext['activity'] = {
    ...services.activity,
    record: (entry) =>
      services.activity.record({ ...entry, requestBody: shortJson(sent), responseBody: copy.content() }),
  }
  return { services: { ...services, activity }, reply: copy }
}

/** Passes an answer on, and keeps its bytes as long as they are few. */
class CopyingWriter implements ResponseWriter {
  readonly #reply: ResponseWriter
  #parts: Uint8Array[] = []
  #length = 0

  constructor(reply: ResponseWriter) {
    this.#reply = reply
  }

  get begun(): boolean {
    return this.#reply.begun
  }

  head(status: number, headers: HeaderList, flush: boolean): void {
    this.#reply.head(status, headers, flush)
  }

  write(chunk: Uint8Array): boolean {
    this.#keep(chunk)
    return this.#reply.write(chunk)
  }

  end(last?: Uint8Array): void {
    if (last !== undefined) this.#keep(last)
    this.#reply.end(last)
  }

  destroy(): void {
    this.#reply.destroy()
  }

  listen(listener: ResponseListener | undefined): void {
    this.#reply.listen(listener)
  }

  content(): unknown {
    if (this.#length > ACTIVITY_LIMITS.body) return undefined
    return shortJson(new TextDecoder().decode(concatBytes(this.#parts, this.#length)))
  }

  #keep(chunk: Uint8Array): void {
    this.#length += chunk.length
    // A runtime may reuse the memory of a chunk.
    if (this.#length <= ACTIVITY_LIMITS.body) this.#parts.push(chunk.slice())
    else this.#parts = []
  }
}

/** More bytes are more characters than the activity keeps. */
const MAX_SHORT_BYTES = 3 * ACTIVITY_LIMITS.body

const isShort = (text: string | undefined): text is string =>
  text !== undefined && text.length <= ACTIVITY_LIMITS.body

/** @returns undefined for what is long or, like a stream of events, no JSON */
function shortJson(text: string | undefined): unknown {
  if (!isShort(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
