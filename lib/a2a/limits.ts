// How many requests a caller may send, and how many a workspace serves at the same time. Counted in this process
// (lib/platform/rate-limit.ts).
import { createRateCounter } from '../platform/rate-limit.ts'
import { ProxyError } from './errors/proxy-error.ts'

/** One of a workspace's concurrent requests, from its start to `release`. */
export type RequestSlot = {
  /** Reports activity on the request. */
  touch(): void
  /** Reports that its answer is a stream. */
  markStreaming(): void
  /** Reports whether it is at the machine; before and between attempts it waits here. */
  setAtMachine(isAtMachine: boolean): void
  release(): void
}

/** The bytes of one request's body, from its first until `release`. */
export type BodyBytes = {
  /** @returns false when the workspace would have too many */
  take(bytes: number): boolean
  /** Bytes were refused. */
  readonly isRefused: boolean
  release(): void
}

/** The slots of one workspace. */
type Slots = Set<Slot>

class Slot implements RequestSlot {
  lastActivityAt: number
  isStream = false
  isAtMachine = false
  readonly #now: () => number
  readonly #release: (slot: Slot) => void

  constructor(now: () => number, release: (slot: Slot) => void) {
    this.#now = now
    this.#release = release
    this.lastActivityAt = now()
  }

  touch(): void {
    this.lastActivityAt = this.#now()
  }

  markStreaming(): void {
    this.isStream = true
  }

  setAtMachine(isAtMachine: boolean): void {
    this.isAtMachine = isAtMachine
  }

  release(): void {
    this.#release(this)
  }
}

export type Limits = {
  /**
   * Counts one request of a caller.
   * @returns the `RateLimit` headers of the answer (draft-ietf-httpapi-ratelimit-headers); none when there is no
   *   limit
   * @throws ProxyError RATE_LIMITED
   */
  countRequest(caller: string): Record<string, string>
  /** Takes a slot of a workspace. @throws ProxyError TOO_MANY_REQUESTS_IN_FLIGHT */
  acquire(workspaceId: string): RequestSlot
  /** Counts the body of a request to a workspace. */
  openBody(workspaceId: string): BodyBytes
  /** Workspaces whose machine has a request of this process. */
  busyWorkspaces(): string[]
  /** Requests in flight at all workspaces together, and how many of them are streams. */
  inFlight(): { requests: number; streams: number }
}

type Options = {
  /** 0 for no limit. */
  perMinute: number
  maxInFlight: number
  maxBytesInFlight: number
  /**
   * After how many milliseconds without activity a slot may be taken by another request. A Worker whose caller
   * disconnects is ended without notice, so its slot is never released.
   */
  forgetMs: number
  /** Milliseconds that never go back. */
  now: () => number
}

export function createLimits(options: Options): Limits {
  const { forgetMs, maxInFlight, now, perMinute } = options
  const inFlight = new Map<string, Slots>()
  const bodies = new BodyCounter(options)
  const count = createRateCounter({ policy: 'a2a', perMinute, now })

  function slotsOf(workspaceId: string): Slots {
    const slots = inFlight.get(workspaceId) ?? new Set()
    if (slots.size < maxInFlight) return slots
    for (const slot of slots) if (slot.lastActivityAt + forgetMs <= now()) slots.delete(slot)
    return slots
  }

  return {
    openBody: (workspaceId) => new Body(workspaceId, bodies),

    countRequest(caller) {
      const { headers, retryAfterSeconds } = count(caller)
      if (retryAfterSeconds === undefined) return headers
      throw new ProxyError('RATE_LIMITED', `more than ${perMinute} requests a minute: slow down`, {
        retryAfterSeconds,
      })
    },

    busyWorkspaces: () =>
      [...inFlight].filter(([, slots]) => slots.values().some((slot) => slot.isAtMachine)).map(([id]) => id),

    inFlight() {
      const all = [...inFlight.values()].flatMap((slots) => [...slots])
      return { requests: all.length, streams: all.filter(({ isStream }) => isStream).length }
    },

    acquire(workspaceId) {
      const slots = slotsOf(workspaceId)
      if (slots.size >= maxInFlight) {
        const message = `the workspace is busy with ${slots.size} requests: wait for one to end`
        throw new ProxyError('TOO_MANY_REQUESTS_IN_FLIGHT', message)
      }
      const slot = new Slot(now, (ended) => {
        slots.delete(ended)
        if (slots.size === 0 && inFlight.get(workspaceId) === slots) inFlight.delete(workspaceId)
      })
      inFlight.set(workspaceId, slots.add(slot))
      return slot
    },
  }
}

/** The bodies of one workspace, and the sum of their bytes. */
type BodiesInFlight = { bodies: Set<Body>; bytes: number }

class Body implements BodyBytes {
  bytes = 0
  takenAt = 0
  isRefused = false
  readonly workspaceId: string
  readonly #counter: BodyCounter

  constructor(workspaceId: string, counter: BodyCounter) {
    this.workspaceId = workspaceId
    this.#counter = counter
  }

  take(bytes: number): boolean {
    const isTaken = this.#counter.add(this, bytes)
    if (!isTaken) this.isRefused = true
    return isTaken
  }

  release(): void {
    this.#counter.remove(this)
  }
}

class BodyCounter {
  readonly #workspaces = new Map<string, BodiesInFlight>()
  readonly #options: Options

  constructor(options: Options) {
    this.#options = options
  }

  add(body: Body, bytes: number): boolean {
    const { maxBytesInFlight, now } = this.#options
    const inFlight = this.#workspaces.get(body.workspaceId) ?? { bodies: new Set(), bytes: 0 }
    if (inFlight.bytes + bytes > maxBytesInFlight) this.#forgetIdle(inFlight)
    if (inFlight.bytes + bytes > maxBytesInFlight) return false
    inFlight.bytes += bytes
    inFlight.bodies.add(body)
    body.bytes += bytes
    body.takenAt = now()
    this.#workspaces.set(body.workspaceId, inFlight)
    return true
  }

  remove(body: Body): void {
    const inFlight = this.#workspaces.get(body.workspaceId)
    if (inFlight?.bodies.delete(body) !== true) return
    inFlight.bytes -= body.bytes
    if (inFlight.bodies.size === 0) this.#workspaces.delete(body.workspaceId)
  }

  /** Drops bodies that a Worker never released. */
  #forgetIdle(inFlight: BodiesInFlight): void {
    const { forgetMs, now } = this.#options
    for (const body of inFlight.bodies) {
      if (body.takenAt + forgetMs > now()) continue
      inFlight.bodies.delete(body)
      inFlight.bytes -= body.bytes
      body.bytes = 0
    }
  }
}
