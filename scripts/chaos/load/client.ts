// A client of a control plane as a run has many: it calls a random replica, sometimes disconnects early, and records answers
// that no caller should get.
import { type ControlPlane, USERS_TOKEN } from '../control-plane.ts'
import type { Chance } from '../random.ts'

export type Json = { [name: string]: unknown }
export type Answer = { status: number; body: Json }

export type CallOptions = {
  body?: unknown
  headers?: { [name: string]: string }
  /** The answer is JSON-RPC, whose errors have no `code` of a problem. */
  isMessage?: boolean
  /** Never disconnects early, and asks for no wait. */
  isPatient?: boolean
  /** Sends no token of a user. */
  isAnonymous?: boolean
}

export type Client = {
  /** One request. @returns undefined when no answer came */
  call: (method: string, path: string, options?: CallOptions) => Promise<Answer | undefined>
}

/** Longer than any wait that a request of a run asks for, in milliseconds of the run's clock. */
const PATIENCE_MS = 90_000

export function createClient({ record, replicas }: ControlPlane, chance: Chance): Client {
  /** Mostly a running one, as behind a load balancer that notices late. */
  function pickUrl(): string {
    const living = replicas.filter((replica) => replica.isUp())
    return chance.pick(living.length > 0 && chance.hit(0.9) ? living : replicas).url
  }

  return {
    async call(method, path, options = {}) {
      const { body, headers = {}, isAnonymous = false, isMessage = false, isPatient = false } = options
      const isShort = !isPatient && chance.hit(0.06)
      const waits = !isMessage && !isPatient && chance.hit(0.15)
      record.requests++
      try {
        const response = await fetch(`${pickUrl()}${path}`, {
          method,
          signal: AbortSignal.timeout(isShort ? chance.between(1, 400) : PATIENCE_MS),
          headers: {
            ...(isAnonymous ? {} : { authorization: `Bearer ${USERS_TOKEN}` }),
            ...headers,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...(waits ? { prefer: `wait=${chance.between(1, 5)}` } : {}),
          },
          ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        })
        const answer: Answer = { status: response.status, body: (await response.json()) as Json }
        const hasNoCode = !isMessage && answer.status >= 400 && typeof answer.body['code'] !== 'string'
        if (hasNoCode || answer.body['code'] === 'internal')
          record.bad.push(`${method} ${path} got ${answer.status}: ${JSON.stringify(answer.body)}`)
        return answer
      } catch {
        // The replica is down, ends now, or the request was aborted.
        return undefined
      }
    },
  }
}
