// The request helper of all calls. It authorizes, sends, limits the time, reads the answer, classifies failures, and
// repeats what the policy in retry.ts allows. Nothing else in this folder calls fetch.

import type { z } from 'zod'
import { sleep as interruptibleSleep } from '../platform/sleep.ts'
import { orAbort } from './abort.ts'
import type { FlyAction } from './actions.ts'
import { readBody, readSecondaryBody } from './body.ts'
import { FlyError } from './errors.ts'
import type { FlyErrorCode, FlyErrorFacts } from './errors.ts'
import {
  capacityScope,
  classify,
  existingMachineId,
  isRetryable,
  readRefusal,
  retryAfterMs,
} from './refusals.ts'
import { RETRY_WITHIN_MS, retryDelay } from './retry.ts'
import { authorizationHeader, splitToken } from './token.ts'

export type FlyClientOptions = {
  token: string
  /** The Machines API's base URL, without `/v1`; it may have a path. Default `https://api.machines.dev`. */
  baseUrl?: string | undefined
  /** The base URL of Fly's other API, which has the logs. Default `https://api.fly.io`. */
  logsUrl?: string | undefined
  fetch: typeof fetch
  /** Unix milliseconds. */
  now?: () => number
  sleep?: (ms: number, signal?: AbortSignal) => Promise<void>
  /** In [0, 1). */
  random?: () => number
  /** Asked before each attempt. On false, nothing is sent and the call fails with `budget_exhausted`. */
  budget?: { take(): boolean }
  /** Called after each attempt. Must not throw. */
  onCall?: (call: FlyCall) => void
  userAgent?: string | undefined
}

/** One attempt, for logs and counters. `status` is 0 when Fly did not answer; `ms` includes the body. */
export type FlyCall = {
  action: FlyAction
  app?: string
  status: number
  ms: number
  requestId?: string
  /** 1 for the first. */
  attempt: number
}

/** The last argument of every call. */
export type CallOptions = {
  signal?: AbortSignal | undefined
  /** For one attempt, body included. Default 15 s; create and update 40 s; wait: Fly's own timeout and 10 s more. */
  timeoutMs?: number | undefined
  /** No attempt begins later than this after the first one. Default 30 s; 0 for a single attempt. */
  retryWithinMs?: number | undefined
  /** While a lease on the machine is held, every write needs its nonce (docs/facts/fly.md §2.4). */
  leaseNonce?: string | undefined
}

export type FlyRequest<T> = {
  action: FlyAction
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Path segments after the base URL; each is encoded. */
  path: readonly string[]
  app?: string
  query?: readonly (readonly [string, string])[]
  body?: object
  /** How a 2xx is parsed. Without it the body is ignored. */
  read?: z.ZodType<T>
  timeoutMs?: number
  options: CallOptions
}

/**
 * `cursor` is present while more pages follow (docs/facts/fly.md §2.2). `answeredAt` is the answer's `Date` by Fly's clock,
 * in Unix milliseconds, cut off to whole seconds; undefined if there is none.
 */
export type FlyAnswer<T> = { body: T; cursor: string | undefined; answeredAt: number | undefined }

/** @throws {FlyError} for every failed call; {RangeError} for an argument that cannot be part of a request */
export type Requester = <T = void>(request: FlyRequest<T>) => Promise<FlyAnswer<T>>

const DEFAULT_BASE_URL = 'https://api.machines.dev'
const DEFAULT_TIMEOUT_MS = 15_000
const MAX_MESSAGE_CHARS = 300

type FailureFacts = Pick<
  FlyErrorFacts,
  'code' | 'capacityScope' | 'existingMachineId' | 'retryAfterMs' | 'flyText'
> & {
  maybeApplied: boolean
}

/** The state of an attempt, for its error. `doubtful`: an earlier attempt may have been carried out. */
type Attempt = { number: number; doubtful: boolean; status: number; requestId: string | undefined }

/** @throws {Error} for an unusable token or base URL, without quoting the token */
export function createRequester(options: FlyClientOptions): Requester {
  // Destructured because Workers refuse a fetch that is called as a method of another object.
  const { fetch, budget, onCall } = options
  const { now = () => Date.now(), random = () => Math.random(), sleep = interruptibleSleep } = options
  const baseUrl = new URL(options.baseUrl ?? DEFAULT_BASE_URL).href.replace(/(?<!\/)\/+$/, '')
  const authorization = authorizationHeader(options.token)
  const secrets = splitToken(options.token)
  const withoutToken = (text: string) =>
    secrets.reduce((redacted, secret) => redacted.replaceAll(secret, '[token]'), text)

  function failure(
    request: FlyRequest<unknown>,
    attempt: Attempt,
    facts: FailureFacts,
    text: string,
    cause?: unknown,
  ): FlyError {
    const { maybeApplied, ...rest } = facts
    const doubt = request.method !== 'GET' && (attempt.doubtful || maybeApplied)
    return new FlyError(
      withoutToken(`${request.action}: ${text}`).slice(0, MAX_MESSAGE_CHARS),
      {
        action: request.action,
        app: request.app,
        machineId: machineIdOf(request),
        status: attempt.status,
        requestId: attempt.requestId,
        retryable: isRetryable(facts.code, text),
        applied: doubt ? 'unknown' : 'no',
        ...rest,
      },
      cause === undefined ? undefined : { cause },
    )
  }

  function refused(
    request: FlyRequest<unknown>,
    attempt: Attempt,
    retryAfter: string | null,
    body: string,
  ): FlyError {
    const refusal = readRefusal(attempt.status, body)
    const code = classify(request.action, refusal)
    const text = `Fly answered ${attempt.status}${refusal.text && `: ${refusal.text}`}`
    return failure(
      request,
      attempt,
      {
        code,
        maybeApplied: attempt.status === 408 || attempt.status >= 500,
        capacityScope: capacityScope(refusal),
        existingMachineId: code === 'name_taken' ? existingMachineId(refusal.text) : undefined,
        retryAfterMs: retryAfterMs(retryAfter, now()),
        flyText: refusal.text === '' ? undefined : withoutToken(refusal.text).slice(0, MAX_MESSAGE_CHARS),
      },
      text,
    )
  }

  async function send<T>(
    request: FlyRequest<T>,
    url: string,
    init: RequestInit,
    attempt: Attempt,
  ): Promise<FlyAnswer<T>> {
    const { action, app, options: call } = request
    const timeout = AbortSignal.timeout(call.timeoutMs ?? request.timeoutMs ?? DEFAULT_TIMEOUT_MS)
    const signal = call.signal ? AbortSignal.any([call.signal, timeout]) : timeout
    const begun = now()
    try {
      const response = await orAbort(fetch(url, { ...init, signal }), signal)
      attempt.status = response.status
      attempt.requestId = response.headers.get('fly-request-id') ?? undefined
      if (!response.ok) {
        const body = await readSecondaryBody(response, signal)
        throw refused(request, attempt, response.headers.get('retry-after'), body)
      }
      const cursor = response.headers.get('fly-next-cursor') ?? undefined
      const answeredAt = timeOf(response.headers.get('date'))
      if (request.read === undefined) {
        await readSecondaryBody(response, signal)
        return { body: undefined as T, cursor, answeredAt }
      }
      const body = readAs(request, attempt, request.read, await readBody(response, signal))
      return { body, cursor, answeredAt }
    } catch (cause) {
      if (cause instanceof FlyError) throw cause
      const [code, text] = noAnswer(cause, call.signal, timeout)
      throw failure(request, attempt, { code, maybeApplied: true }, text, cause)
    } finally {
      onCall?.({
        action,
        ...(app !== undefined && { app }),
        status: attempt.status,
        ms: now() - begun,
        ...(attempt.requestId !== undefined && { requestId: attempt.requestId }),
        attempt: attempt.number,
      })
    }
  }

  function readAs<T>(request: FlyRequest<T>, attempt: Attempt, schema: z.ZodType<T>, text: string): T {
    const parsed = schema.safeParse(jsonOrUndefined(text))
    if (parsed.success) return parsed.data
    const facts = { code: 'malformed_answer', maybeApplied: true } as const
    throw failure(request, attempt, facts, 'the answer of Fly could not be parsed', parsed.error)
  }

  function initOf({ method, body, options: { leaseNonce } }: FlyRequest<unknown>): RequestInit {
    const headers = new Headers({ authorization, accept: 'application/json' })
    if (options.userAgent !== undefined) headers.set('user-agent', options.userAgent)
    if (leaseNonce !== undefined) headers.set('fly-machine-lease-nonce', leaseNonce)
    if (body !== undefined) headers.set('content-type', 'application/json')
    // Following a redirect would turn a POST into a GET; the API sends none.
    return { method, headers, redirect: 'manual', ...(body !== undefined && { body: JSON.stringify(body) }) }
  }

  return async function request<T>(request: FlyRequest<T>): Promise<FlyAnswer<T>> {
    const { signal, retryWithinMs = RETRY_WITHIN_MS } = request.options
    const begun = now()
    // Built before the first attempt: an invalid argument is the caller's mistake, not a failed call.
    const url = urlOf(baseUrl, request)
    const init = initOf(request)
    let doubtful = false
    for (let number = 1; ; number += 1) {
      const attempt: Attempt = { number, doubtful, status: 0, requestId: undefined }
      const unsent = (code: FlyErrorCode, text: string, cause?: unknown) =>
        failure(request, attempt, { code, maybeApplied: false }, text, cause)
      if (signal?.aborted) throw unsent('aborted', 'the caller cancelled the call', signal.reason)
      if (budget && !budget.take()) throw unsent('budget_exhausted', 'the request budget is used up')
      try {
        return await send(request, url, init, attempt)
      } catch (error) {
        if (!(error instanceof FlyError)) throw error
        const elapsedMs = now() - begun
        const { action } = request
        const failed = { action, attempt: number, failure: error, elapsedMs, retryWithinMs, random: random() }
        const delay = retryDelay(failed)
        if (delay === undefined) throw error
        doubtful = error.applied === 'unknown'
        // An abort ends the pause; the check at the top of the loop then throws.
        await sleep(delay, signal)
      }
    }
  }
}

/** From a path such as `/v1/apps/{app}/machines/{id}/stop`. */
const machineIdOf = ({ path }: FlyRequest<unknown>): string | undefined =>
  path[3] === 'machines' ? path[4] : undefined

/** Why no answer, or no complete answer, arrived. */
function noAnswer(
  cause: unknown,
  caller: AbortSignal | undefined,
  timeout: AbortSignal,
): [FlyErrorCode, string] {
  if (caller?.aborted) return ['aborted', 'the caller cancelled the call']
  if (timeout.aborted) return ['timeout', 'Fly did not answer in time']
  if (cause instanceof RangeError) return ['malformed_answer', cause.message]
  return ['network', 'the connection to Fly failed']
}

function urlOf(baseUrl: string, { path, query = [] }: FlyRequest<unknown>): string {
  const search = new URLSearchParams(query.map(([name, value]) => [name, value]))
  return `${baseUrl}/${path.map(segment).join('/')}${search.size > 0 ? `?${search}` : ''}`
}

/** An empty segment, `.` or `..` would address another resource, such as the list or the app. */
function segment(part: string): string {
  if (part === '' || part === '.' || part === '..') throw new RangeError(`not a path segment: "${part}"`)
  return encodeURIComponent(part)
}

function timeOf(date: string | null): number | undefined {
  const time = Date.parse(date ?? '')
  return Number.isNaN(time) ? undefined : time
}

/** Undefined for text that is not JSON; the schema decides whether that is acceptable. */
function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
