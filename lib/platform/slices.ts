// Work on large texts and bodies in slices: between two of them other requests continue. A slice takes about a millisecond, and
// the slices of all large bodies take turns, so that another request waits for one of them and not for one of each.
import { concatBytes, decodeBase64, encodeBase64 } from './encoding.ts'
import { sleep } from './sleep.ts'

/** Bytes or characters of one slice. */
export const SLICE = 250_000

/** Time for other work after each slice, in milliseconds. */
const REST_MS = 1

/** Longest time for other work after a turn that was longer than a slice. */
const LONGEST_REST_MS = 25

/** When the next slice may begin, in the milliseconds of `performance`. */
let mayBeginAt = Number.NEGATIVE_INFINITY
let waiting = 0

/**
 * Waits until no other slice has run just before.
 * @param begin runs at once then: who waits beside finds what it has set
 */
async function waitForTurn(begin = () => {}): Promise<void> {
  waiting++
  try {
    while (performance.now() < mayBeginAt) await sleep(0)
    begin()
  } finally {
    waiting--
  }
}

const endSlice = () => void (mayBeginAt = Math.max(mayBeginAt, performance.now() + REST_MS))

/** Ends a slice of a computation that counts its slices itself, and waits for the next one. */
export async function pauseSlice(): Promise<void> {
  endSlice()
  // Who waits already comes first.
  await sleep(waiting > 0 ? 2 * REST_MS : 0)
  await waitForTurn()
}

/**
 * Waits for the turn of work that cannot be cut into slices, such as reading and checking JSON. The turn ends when the event loop
 * turns, and other work then has as much time as the turn took.
 */
export async function takeTurn(): Promise<void> {
  await waitForTurn(() => {
    const began = performance.now()
    const endOfRest = (took: number) => began + took + Math.min(Math.max(took, REST_MS), LONGEST_REST_MS)
    mayBeginAt = endOfRest(LONGEST_REST_MS)
    void sleep(0).then(() => (mayBeginAt = endOfRest(performance.now() - began)))
  })
}

/** Counts the bytes of a large body that arrives: sockets that never run dry would otherwise be read for very long without a pause. */
export class SliceCounter {
  #bytes = 0

  /** @returns whether a slice is full, so that its reader has to pause */
  add(bytes: number): boolean {
    this.#bytes += bytes
    if (this.#bytes < SLICE) return false
    this.#bytes = 0
    return true
  }
}

/** A computation that may pause wherever it yields. */
export type Steps<Result> = Generator<undefined, Result, undefined>

/** Runs a computation, and lets other requests continue wherever it pauses. */
export async function runInSlices<Result>(steps: Steps<Result>): Promise<Result> {
  for (await waitForTurn(); ; await pauseSlice()) {
    const step = steps.next()
    if (step.done !== true) continue
    endSlice()
    return step.value
  }
}

export const isUtf8InSlices = async (bytes: Uint8Array): Promise<boolean> =>
  (await decodeStrictly(bytes, () => '')) !== undefined

/** @returns undefined for bytes that are not UTF-8 */
export const decodeUtf8InSlices = (bytes: Uint8Array): Promise<string | undefined> =>
  decodeStrictly(bytes, (text) => text)

/** @param kept what is kept of each slice */
async function decodeStrictly(
  bytes: Uint8Array,
  kept: (text: string) => string,
): Promise<string | undefined> {
  try {
    return await decodeInSlices(bytes, new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }), kept)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

/** Bytes as text, without a byte order mark. Broken UTF-8 becomes U+FFFD. */
export const decodeTextInSlices = (bytes: Uint8Array): Promise<string> =>
  decodeInSlices(bytes, new TextDecoder())

async function decodeInSlices(
  bytes: Uint8Array,
  decoder: TextDecoder,
  kept = (text: string) => text,
): Promise<string> {
  // `join` would copy two-byte characters one by one.
  let text = ''
  await forEachSlice(bytes.length, SLICE, (from, to) => {
    text += kept(decoder.decode(bytes.subarray(from, to), { stream: to < bytes.length }))
  })
  return text
}

const UTF8 = new TextEncoder()

export async function encodeUtf8InSlices(text: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let from = 0
  await forEachSlice(text.length, SLICE, (_, end) => {
    // A surrogate pair stays in one slice.
    const to = end < text.length && isLowSurrogate(text.charCodeAt(end)) ? end - 1 : end
    parts.push(UTF8.encode(text.slice(from, to)))
    from = to
  })
  return joined(parts)
}

const isLowSurrogate = (code: number) => code >= 0xdc00 && code <= 0xdfff

export async function encodeBase64InSlices(bytes: Uint8Array): Promise<string> {
  const parts: string[] = []
  // Three bytes are four digits.
  await forEachSlice(bytes.length, roundedDown(SLICE, 3), (from, to) => {
    parts.push(encodeBase64(bytes.subarray(from, to)))
  })
  return parts.join('')
}

/** @param text without white space */
export async function decodeBase64InSlices(text: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  await forEachSlice(text.length, roundedDown(SLICE, 4), (from, to) => {
    parts.push(decodeBase64(text.slice(from, to)))
  })
  return joined(parts)
}

const roundedDown = (size: number, unit: number) => size - (size % unit)

const joined = (parts: Uint8Array[]): Uint8Array =>
  parts.length === 1 && parts[0] !== undefined
    ? parts[0]
    : concatBytes(
        parts,
        parts.reduce((sum, part) => sum + part.length, 0),
      )

async function forEachSlice(
  length: number,
  size: number,
  work: (from: number, to: number) => void,
): Promise<void> {
  await waitForTurn()
  for (let from = 0; from < length; from += size) {
    if (from > 0) await pauseSlice()
    work(from, Math.min(from + size, length))
  }
  endSlice()
}
