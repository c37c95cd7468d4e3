// A quicker clock for a whole process: dates and timers run `speed` times as fast, so that minutes of leases, back-offs and
// deadlines pass in seconds. The program under test is the real one; only what it takes for a second is shorter.

/** The same in every process of a run, so that their clocks agree. `epoch` is the real moment at which both clocks show the same. */
export type Pace = { speed: number; epoch: number }

/** Makes this process's `Date`, timers and abort timeouts run at a pace, for good. */
export function quicken({ speed, epoch }: Pace): void {
  if (speed === 1) return
  const real = { Date, setTimeout, setInterval, timeout: AbortSignal.timeout.bind(AbortSignal) }
  const now = () => Math.floor(epoch + (real.Date.now() - epoch) * speed)

  class QuickDate extends real.Date {
    constructor(...given: [] | ConstructorParameters<typeof Date>) {
      if (given.length === 0) super(now())
      else super(...given)
    }

    static override now(): number {
      return now()
    }
  }
  globalThis.Date = QuickDate as DateConstructor
  globalThis.setTimeout = Object.assign(
    (run: () => void, ms = 0, ...given: []) => real.setTimeout(run, ms / speed, ...given),
    real.setTimeout,
  ) as typeof setTimeout
  globalThis.setInterval = ((run: () => void, ms = 0, ...given: []) =>
    real.setInterval(run, ms / speed, ...given)) as typeof setInterval
  AbortSignal.timeout = (ms) => real.timeout(Math.ceil(ms / speed))
}

/** What a child process has to be given so that `clock-preload.ts` finds its pace. */
export const paceEnv = ({ speed, epoch }: Pace): Record<string, string> => ({
  CHAOS_PACE: JSON.stringify({ speed, epoch }),
})
