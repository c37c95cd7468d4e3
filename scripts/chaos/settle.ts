// After the faults: waits until every control plane is at rest.
import type { Remains } from './checks/remains.ts'
import type { ControlPlane } from './control-plane.ts'
import type { Load, Violation } from './parts.ts'
import { sleep } from './random.ts'

/** Between two looks, in milliseconds of the run's clock. A look at the embedded database restarts its replica. */
const PAUSE_MS = 2_000
const EMBEDDED_PAUSE_MS = 20_000

export type Settled = {
  /** Seconds; undefined when it did not settle in time. */
  settledAfter: number | undefined
  /** What is still under way. */
  open: Violation[]
  remains: Remains
}

/** Looks again and again until nothing is open twice in a row, or the time is over. */
export async function settle(
  controlPlane: ControlPlane,
  loads: readonly Load[],
  seconds: number,
  report: (line: string) => void,
): Promise<Settled> {
  const begun = Date.now()
  const pauseMs = controlPlane.isEmbedded ? EMBEDDED_PAUSE_MS : PAUSE_MS
  let reported = 0
  for (let calm = 0; ;) {
    await sleep(pauseMs)
    const remains = await controlPlane.look()
    const open = loads.flatMap((load) => load.open?.(remains) ?? [])
    calm = open.length === 0 ? calm + 1 : 0
    const elapsed = Math.round((Date.now() - begun) / 1000)
    if (calm === 2) return { settledAfter: elapsed, open, remains }
    if (elapsed >= seconds) return { settledAfter: undefined, open, remains }
    if (elapsed - reported >= 30 && open.length > 0) {
      reported = elapsed
      const [first] = open
      const what = `${first?.workspace ?? ''} ${first?.what ?? ''}`
      report(`${controlPlane.name}: after ${elapsed} s, ${open.length} things are not settled: ${what}`)
    }
  }
}
