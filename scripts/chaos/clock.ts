// The clock of a whole process: dates and timers run `speed` times as fast, so that minutes of leases, back-offs and deadlines
// pass in seconds, and dates can jump, as when a host corrects its clock. The program under test is unchanged.

/** The same in every process of a run, so that their clocks agree. At the real time `epoch` both clocks show the same. */
export type Pace = { speed: number; epoch: number }

/** Sets how far the process's dates are ahead of the clock of the run, in milliseconds. Timers do not notice. */
export type SetOffset = (ms: number) => void

/** Makes this process's `Date`, timers and abort timeouts run at this pace. It cannot be undone. */
export function controlClock({ speed, epoch }: Pace): SetOffset {
  const real = { Date, setTimeout, setInterval, timeout: AbortSignal.timeout.bind(AbortSignal) }
  let offset = 0
  const now = () => Math.floor(epoch + (real.Date.now() - epoch) * speed) + offset

  class ControlledDate extends real.Date {
    constructor(...args: [] | ConstructorParameters<typeof Date>) {
      if (args.length === 0) super(now())
      else super(...args)
    }

    static override now(): number {
      return now()
    }
  }
  globalThis.Date = ControlledDate as DateConstructor
  globalThis.setTimeout = Object.assign(
    (run: () => void, ms = 0, ...args: []) => real.setTimeout(run, ms / speed, ...args),
    real.setTimeout,
  ) as typeof setTimeout
  globalThis.setInterval = ((run: () => void, ms = 0, ...args: []) =>
    real.setInterval(run, ms / speed, ...args)) as typeof setInterval
  AbortSignal.timeout = (ms) => real.timeout(Math.ceil(ms / speed))
  return (ms) => (offset = ms)
}

/** The environment from which `clock-preload.ts` reads the pace. */
export const paceEnv = ({ speed, epoch }: Pace): Record<string, string> => ({
  CHAOS_PACE: JSON.stringify({ speed, epoch }),
})
