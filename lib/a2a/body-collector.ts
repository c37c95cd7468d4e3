// Collects the body of an A2A request while it arrives, and keeps no more of it than its limits allow.
import { concatBytes } from '../platform/encoding.ts'
import { SLICE } from '../platform/slices.ts'

/** Counts bytes that are to be kept. @returns false when they may not be kept */
export type TakeBytes = (bytes: number) => boolean

export type BodyLimits = { maxBytes: number; take: TakeBytes }

export class BodyCollector {
  readonly #limits: BodyLimits
  readonly #chunks: Uint8Array[] = []
  /** The whole of a large body of known length, which is filled as it arrives: a copy at the end would take longer than a slice. */
  readonly #whole: Uint8Array | undefined
  #length = 0
  /** The body is over a limit. What arrives is not kept. */
  isRefused: boolean

  /** @param declared the `Content-Length`; 0 when it is unknown */
  constructor(declared: number, limits: BodyLimits) {
    this.#limits = limits
    this.isRefused = declared > limits.maxBytes || (declared > SLICE && !limits.take(declared))
    if (!this.isRefused && declared > SLICE) this.#whole = new Uint8Array(declared)
  }

  append(chunk: Uint8Array): void {
    const at = this.#length
    this.#length += chunk.length
    if (this.#whole !== undefined) {
      if (this.#length > this.#whole.length) this.isRefused = true
      else this.#whole.set(chunk, at)
      return
    }
    this.#chunks.push(chunk)
    if (this.#length > this.#limits.maxBytes || !this.#limits.take(chunk.length)) this.isRefused = true
  }

  /** What has arrived, until the body was refused. */
  get chunks(): readonly Uint8Array[] {
    return this.#whole === undefined ? this.#chunks : [this.#whole]
  }

  body(): Uint8Array {
    const [only] = this.#chunks
    if (this.#whole !== undefined) return this.#whole
    return only !== undefined && this.#chunks.length === 1 ? only : concatBytes(this.#chunks, this.#length)
  }
}
