// What one invocation may still ask of others. A Worker may send so many requests and no more (50 on Cloudflare's free plan,
// 10,000 on the paid one), each statement over HTTP being one; the next throws. Work looks here before it begins, so that what
// was begun can be ended, and what is not begun stays due for the next one.
import type { Database } from '../../drizzle/database.ts'

/** Thrown instead of sending a request that is one too many. To whoever was at work it is as if the process had died. */
export class SubrequestBudgetExceeded extends Error {
  override name = 'BudgetSpent'
  /** As other reasons for which a request never left. */
  readonly code = 'TOO_MANY_SUBREQUESTS'
  constructor(options?: ErrorOptions) {
    super('this invocation has used up its requests: see SUBREQUEST_LIMIT', options)
  }
}

export type Part = {
  /** Requests; undefined: all there are. */
  most?: number
  /** Requests of it that are kept until {@link SubrequestBudget.close}. */
  reserve?: number
  /** When nothing new is to be begun any more, in milliseconds since 1970. */
  until?: number
  /** When requests that are under way are given up, in milliseconds since 1970. */
  cutAt?: number
}

export type SubrequestBudget = {
  /** Requests that new work may count on: none once it is late. Infinity where nobody counts. */
  left(): number
  /** Counts a request that is about to leave. Having refused one it refuses all, so that nobody draws conclusions from an
   * answer that was never asked for. @throws BudgetSpent */
  spend(): void
  /** Whether a request was refused. */
  isExceeded(): boolean
  /** Aborted when requests that are under way are to be given up. */
  signal: AbortSignal | undefined
  /** Takes requests out for one piece of work, at least `least`; undefined when there are not so many. */
  share(least: number, part?: Part): SubrequestBudget | undefined
  /** Gives what was not used back to where it was taken from. */
  end(): void
  /** Work is over: opens the reserve for what must still be written. */
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
  let kept = reserve
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
      giveBack(open + kept)
      open = kept = 0
    },
    close() {
      open += kept
      kept = 0
      refused = false
    },
  }
}

/** How requests are counted where they leave. */
export type SubrequestMeter = {
  /** Requests of one invocation. */
  limit: number
  /** What reaches the outside, such that each request counts against a budget. */
  bindBudget(budget: SubrequestBudget): { budget: SubrequestBudget; db: Database }
}

/** The same services, for work that may ask for no more than that. */
export const withBudget = <Metered extends Pick<Counted, 'meter'>>(
  services: Metered,
  budget: SubrequestBudget,
): Metered =>
  services.meter === undefined ? services : { ...services, ...services.meter.bindBudget(budget) }

/** What counting needs of a context. */
type Counted = { budget: SubrequestBudget; meter: SubrequestMeter | undefined; now: () => Date }

/** Requests that a door may need by itself: who is it, the verb, the answer, the audit, activity. */
const DOOR = 16

/**
 * The same services, for what a request asks for beyond its door's few statements: waiting, and looking after workspaces. Where
 * such a budget is there already, that is the one.
 */
export function withRequestBudget<Metered extends Counted>(services: Metered): Metered {
  const { budget, meter, now } = services
  if (meter === undefined || budget !== UNLIMITED) return services
  return withBudget(services, createBudget(meter.limit - DOOR, now))
}
