// The number of requests that one invocation may still send. A Worker may send 50 (Cloudflare's free plan) or 10,000
// (paid plan), each statement over HTTP included; the next one throws. Work checks the budget before it begins, so
// that begun work can end, and other work stays due for the next invocation.
import type { Database } from '../../drizzle/database.ts'

/** Thrown instead of sending a request over the limit. For the running work it is like a crash of the process. */
export class SubrequestBudgetExceeded extends Error {
  override name = 'SubrequestBudgetExceeded'
  /** Like the codes of other errors by which a request was never sent. */
  readonly code = 'TOO_MANY_SUBREQUESTS'
  constructor(options?: ErrorOptions) {
    super('this invocation has sent as many requests as it may: see SUBREQUEST_LIMIT', options)
  }
}

export type Part = {
  /** Requests at most; undefined: all that are left. */
  most?: number
  /** Requests of this share that only {@link SubrequestBudget.close} releases. */
  reserve?: number
  /** When no new work may begin, in Unix milliseconds. */
  until?: number
  /** When running requests are aborted, in Unix milliseconds. */
  cutAt?: number
}

export type SubrequestBudget = {
  /** Requests that new work may use: none once it is too late. Infinity where requests are not limited. */
  left(): number
  /**
   * Counts a request before it is sent. After one refusal it refuses all, so that no code acts on a missing answer.
   * @throws SubrequestBudgetExceeded
   */
  spend(): void
  /** Whether a request was refused. */
  isExceeded(): boolean
  /** Aborted when running requests must end. */
  signal: AbortSignal | undefined
  /** Takes at least `least` requests for one piece of work; undefined when fewer are left. */
  share(least: number, part?: Part): SubrequestBudget | undefined
  /** Returns unused requests to the budget from which they were taken. */
  end(): void
  /** Ends the work: releases the reserve for what must still be written. */
  close(): void
}

export const UNLIMITED: SubrequestBudget = {
  left: () => Infinity,
  spend() {},
  isExceeded: () => false,
  signal: undefined,
  share: () => UNLIMITED,
  end() {},
  close() {},
}

export function createBudget(
  requests: number,
  now: () => Date,
  { cutAt, reserve = 0, until = Infinity }: Omit<Part, 'most'> = {},
  giveBack: (rest: number) => void = () => {},
): SubrequestBudget {
  let open = requests - reserve
  let reserved = reserve
  let refused = false
  const left = () => (refused || now().getTime() >= until ? 0 : open)
  return {
    left,
    spend() {
      if (refused || open < 1) {
        refused = true
        throw new SubrequestBudgetExceeded()
      }
      open--
    },
    isExceeded: () => refused,
    signal: cutAt === undefined ? undefined : AbortSignal.timeout(Math.max(0, cutAt - now().getTime())),
    share(least, { most = Infinity, ...part } = {}) {
      if (left() < least) return undefined
      const size = Math.max(least, Math.min(open, Math.floor(most)))
      open -= size
      const earlier = Math.min(until, part.until ?? Infinity)
      return createBudget(size, now, { ...part, until: earlier }, (rest) => (open += rest))
    },
    end() {
      giveBack(open + reserved)
      open = reserved = 0
    },
    close() {
      open += reserved
      reserved = 0
      refused = false
    },
  }
}

/** Counts requests where they are sent. */
export type SubrequestMeter = {
  /** Requests per invocation. */
  limit: number
  /** The database and budget of a context, bound so that each statement counts against the budget. */
  bindBudget(budget: SubrequestBudget): { budget: SubrequestBudget; db: Database }
}

/** The same context, with its requests counted against a budget. */
export const withBudget = <Metered extends Pick<Counted, 'meter'>>(
  services: Metered,
  budget: SubrequestBudget,
): Metered =>
  services.meter === undefined ? services : { ...services, ...services.meter.bindBudget(budget) }

/** The part of a context that counting needs. */
type Counted = { budget: SubrequestBudget; meter: SubrequestMeter | undefined; now: () => Date }

/** Requests that a route itself may need: authentication, the change, the answer, audit and activity. */
const ROUTE_COST = 16

/**
 * The same context, with a budget for what a request does beyond the few statements of its route: waiting and
 * reconciling. An existing budget stays.
 */
export function withRequestBudget<Metered extends Counted>(services: Metered): Metered {
  const { budget, meter, now } = services
  if (meter === undefined || budget !== UNLIMITED) return services
  return withBudget(services, createBudget(meter.limit - ROUTE_COST, now))
}
