// Carries one A2A request: waits for the workspace, sends to its machine, passes the answer on, and repeats only what
// cannot have been delivered or changes nothing. Before the answer it writes nothing, and it reads nothing that was
// read a few seconds ago.
import { withRequestBudget } from '../platform/subrequest-budget.ts'
import { scheduleRecheck } from '../reconcile/schedule-recheck.ts'
import type { ProxyContext } from './context.ts'
import { ProxyError } from './errors/proxy-error.ts'
import type { ExchangeOutcome } from './exchange.ts'
import { errorIfAtRest } from './machine-at-rest.ts'
import { logFailure, recordActivity, traceAttempt } from './record-exchange.ts'
import { isAddressRefused, mayHaveMoved, refreshRoute } from './refresh-route.ts'
import { type A2aRequest, bindingOf, errorEncoderOf, isReadOnly, wantsStream } from './request.ts'
import { resolveRoute } from './resolve-route.ts'
import { KeepaliveStream } from './response/keepalive-stream.ts'
import { type ResponseListener, type ResponseWriter, sendResponse } from './response/response-writer.ts'
import type { RequestSlot } from './limits.ts'
import type { Route } from './route.ts'
import { sendToAgent } from './send-to-agent.ts'
import { type InsertedText, insertText } from './wire/insert-text.ts'
import { completionOf } from './wire/normalize-message.ts'

export type ProxyOptions = {
  reply: ResponseWriter
  /** Registers work that continues after the answer. */
  waitUntil: (work: Promise<unknown>) => void
  /** Stores a message for an agent that fetches its messages itself, and writes the answer. Absent: it is refused. */
  store?: (() => Promise<ExchangeOutcome>) | undefined
}

/** How long a caller waits for a workspace that is starting: intermediaries close idle connections at about 100 s. */
const DEFAULT_WAIT_MS = 60_000

/**
 * A stream gets its first comment after this time. A workspace that wakes sooner still answers with its own status.
 */
const KEEPALIVE_AFTER_MS = 1_000

/** Subrequests that are kept for the end of a request rather than spent on another attempt. */
const RESERVED_SUBREQUESTS = 4

/** How long attempts are repeated after the first failure. */
const RETRY_MS = 5_000

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000

/**
 * Carries one request to its workspace's agent and writes the whole answer to the caller.
 * @returns how it ended; a `failed` outcome has also been written to the caller
 */
export const proxyRequest = (
  services: ProxyContext,
  request: A2aRequest,
  options: ProxyOptions,
): Promise<ExchangeOutcome> => new ProxiedCall(services, request, options).run()

/** The attempts of one request. */
class ProxiedCall implements ResponseListener {
  readonly #services: ProxyContext
  readonly #request: A2aRequest
  readonly #waitUntil: ProxyOptions['waitUntil']
  readonly #store: ProxyOptions['store']
  readonly #startedAt = performance.now()
  #isGone = false
  #disconnected: AbortController | undefined
  /** Where the runtime writes to. */
  readonly #caller: ResponseWriter
  /** Where the answer is written: the caller, or a stream that began while the workspace was starting. */
  #reply: ResponseWriter
  #isWaiting = false
  /** In an attempt before the last one. */
  #mayHaveArrived = false
  #budgeted: ProxyContext | undefined
  /** What the body lacks. It is found once, so that every attempt has the same message id. */
  #missing: InsertedText[] | undefined

  constructor(services: ProxyContext, request: A2aRequest, { reply, store, waitUntil }: ProxyOptions) {
    this.#services = services
    this.#request = request
    this.#waitUntil = waitUntil
    this.#store = store
    this.#caller = reply
    this.#reply = reply
  }

  // An open stream keeps every async function that waits for it, so this is one.
  async run(): Promise<ExchangeOutcome> {
    const services = this.#services
    const request = this.#request
    const slot = services.limits.acquire(request.workspaceId)
    let retryUntil: number | undefined
    let hasRefreshed = false
    try {
      for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
        this.#watchCaller()
        const route = services.routes.peek(request.workspaceId) ?? (await this.#findRoute())
        if (route instanceof ProxyError)
          return this.#record(
            route.reason === 'AGENT_POLLS' && this.#store !== undefined
              ? await this.#store()
              : this.#sendError(route),
          )
        if (this.#isGone) return this.#record({ kind: 'gone' })
        const completed = route.completesMessages ? this.#completeBody() : undefined
        request.completedBody = completed instanceof Promise ? await completed : completed
        const sentAt = services.steady()
        const outcome = await this.#send(route, slot)
        if (outcome.kind === 'answered' && mayHaveMoved(outcome.status))
          this.#waitUntil(refreshRoute(this.#withBudget(), route))
        if (outcome.kind !== 'failed') return this.#record(outcome)
        // The cached route may be the cause.
        services.routes.delete(request.workspaceId)
        if (!hasRefreshed && isAddressRefused(outcome.error)) {
          hasRefreshed = true
          if (await this.#hasMoved(route)) {
            this.#mayHaveArrived ||= outcome.error.delivered !== 'no'
            continue
          }
        }
        const now = services.now().getTime()
        retryUntil ??= now + RETRY_MS
        const atRest = await this.#errorIfAtRest(route, outcome.error, sentAt)
        const error = atRest ?? outcome.error
        if (now >= retryUntil || !this.#mayRepeat(error)) {
          if (mayBeMachineFault(error)) this.#waitUntil(this.#recheck(route))
          return this.#record(this.#sendError(error))
        }
        this.#mayHaveArrived ||= error.delivered !== 'no'
        // Its route would lead to the same machine until the workspace is known to sleep.
        if (atRest !== undefined) await this.#recheck(route)
        this.#watchCaller()
        await services.sleep(pauseMs, this.#goneSignal)
        if (this.#isGone) return this.#record({ kind: 'gone' })
      }
    } catch (error) {
      // Nobody else knows of the earlier attempt.
      if (!this.#mayHaveArrived) throw error
      return this.#record(this.#sendError(unavailable(error)))
    } finally {
      slot.release()
    }
  }

  #completeBody(): Uint8Array | undefined | Promise<Uint8Array> {
    const request = this.#request
    const { body, envelope, isJson } = request
    if (bindingOf(request) !== 'json-rpc' || !isJson || body === undefined) return undefined
    this.#missing ??= completionOf(body, envelope).insertions
    return insertText(body, this.#missing)
  }

  #send(route: Route, slot: RequestSlot): Promise<ExchangeOutcome> {
    const services = this.#budgeted ?? this.#services
    const attempt = { request: this.#request, route, reply: this.#reply, slot }
    return traceAttempt(services, this.#request, () => sendToAgent(services, attempt))
  }

  #record(outcome: ExchangeOutcome): ExchangeOutcome {
    logFailure(this.#services, this.#request, outcome)
    const durationMs = Math.round(performance.now() - this.#startedAt)
    const written = recordActivity(this.#services, this.#request, outcome, durationMs)
    if (written !== undefined) this.#waitUntil(written)
    return outcome
  }

  /** Most requests need no budget of their own, so it is made at first use. */
  #withBudget(): ProxyContext {
    return (this.#budgeted ??= withRequestBudget(this.#services))
  }

  /** While no exchange watches for it, a disconnect ends waiting. */
  #watchCaller(): void {
    this.#reply.listen(this)
  }

  onDrain(): void {}

  onDisconnect(): void {
    this.#isGone = true
    this.#disconnected?.abort()
  }

  /** Aborts when the caller disconnects. Most requests wait for nothing, so it is made at first use. */
  get #goneSignal(): AbortSignal {
    this.#disconnected ??= new AbortController()
    if (this.#isGone) this.#disconnected.abort()
    return this.#disconnected.signal
  }

  /** Waits for the route. @returns the error that the caller gets when there is none */
  async #findRoute(): Promise<Route | ProxyError> {
    const request = this.#request
    const isStream = wantsStream(request)
    this.#isWaiting = true
    try {
      return await resolveRoute(this.#withBudget(), request.workspaceId, {
        ms: request.waitMs ?? (isStream ? this.#services.config.a2a.silenceMs : DEFAULT_WAIT_MS),
        signal: this.#goneSignal,
        waitUntil: this.#waitUntil,
        onWait: () => {
          if (isStream && request.waitMs !== 0) void this.#beginKeepalive()
        },
      })
    } catch (error) {
      if (error instanceof ProxyError) return error
      // Once a stream has begun, the error can only be written here.
      if (this.#reply === this.#caller) throw error
      return unavailable(error)
    } finally {
      this.#isWaiting = false
    }
  }

  async #beginKeepalive(): Promise<void> {
    await this.#services.sleep(KEEPALIVE_AFTER_MS, this.#goneSignal)
    if (this.#isGone || !this.#isWaiting || this.#reply !== this.#caller) return
    this.#reply = new KeepaliveStream(this.#caller)
    this.#watchCaller()
  }

  async #errorIfAtRest(route: Route, error: ProxyError, sentAt: number): Promise<ProxyError | undefined> {
    if (this.#withBudget().budget.left() < RESERVED_SUBREQUESTS) return undefined
    return errorIfAtRest(this.#withBudget(), route, error, sentAt)
  }

  /** The failure of its request is what the caller gets, not that of the database. */
  #hasMoved(route: Route): Promise<boolean> {
    return refreshRoute(this.#withBudget(), route).catch((error: unknown) => {
      const { log } = this.#services
      log('error', "an agent's card could not be stored", { workspace_id: route.workspaceId, error })
      return false
    })
  }

  #recheck({ generation, workspaceId }: Route): Promise<void> {
    return scheduleRecheck(this.#withBudget(), workspaceId, generation)
  }

  // What may have been delivered is sent again only if it changes nothing (docs/facts/a2a.md §3.7).
  #mayRepeat(error: ProxyError): boolean {
    if (!mayBeMachineFault(error)) return false
    if (error.delivered !== 'no' && !isReadOnly(this.#request)) return false
    return this.#withBudget().budget.left() >= RESERVED_SUBREQUESTS
  }

  #sendError(last: ProxyError): ExchangeOutcome {
    const error = this.#mayHaveArrived ? last.afterDelivery() : last
    const { body, headers, status } = errorEncoderOf(this.#request).answer(error)
    sendResponse(this.#reply, status, headers, body)
    return { kind: 'failed', error }
  }
}

const unavailable = (cause: unknown) =>
  new ProxyError('UNAVAILABLE', 'the workspace cannot be read from the database now', { cause })

const mayBeMachineFault = ({ reason }: ProxyError): boolean =>
  reason === 'AGENT_UNREACHABLE' || reason === 'AGENT_CONNECTION_LOST'
