// Clocks: deadlines, marks of requests in flight and expiring tokens compare this computer's time with times that other servers stored and,
// where it is used, of Fly. Leases do not: they end by the clock of the database.
import { type Finding, ok, skipped, warning, wrong } from './finding.ts'
import type { ClockReading, DoctorContext } from './context.ts'

/** As long as a mark of a request in flight lasts, in milliseconds: with more, another server may not wait for the request. */
const WRONG_MS = 30_000
/** The `Date` header has whole seconds, and a request takes time; synchronised clocks differ by less. */
const WARNING_MS = 3_000

/** How far a clock is ahead of this computer's, in milliseconds, at least: the duration of the request is not counted. */
function offsetOf({ remote, received, sent }: ClockReading): number {
  if (remote < sent) return remote - sent
  return remote > received ? remote - received : 0
}

export async function checkClock(context: DoctorContext): Promise<Finding> {
  const database = await context.database().catch(() => undefined)
  // Every answer of Fly has its time.
  if (await context.isFlyReachable()) await context.apps().catch(() => undefined)
  const readings = [
    ...(database === undefined ? [] : [['the database', database.clock] as const]),
    ...(context.flyClock() === undefined ? [] : [['Fly', context.flyClock() as ClockReading] as const]),
  ]
  if (readings.length === 0) return skipped('no other clock could be read')
  const results = readings.map(([who, reading]) => ({ who, offset: offsetOf(reading) }))
  const worst = Math.max(...results.map(({ offset }) => Math.abs(offset)))
  const detail = results
    .map(({ offset, who }) =>
      Math.abs(offset) < WARNING_MS
        ? `${who} has the same time`
        : `${who} is ${(Math.abs(offset) / 1000).toFixed(0)} s ${offset > 0 ? 'ahead of' : 'behind'} this computer`,
    )
    .join(', ')
  if (worst < WARNING_MS) return ok(detail)
  const fix = 'sudo timedatectl set-ntp true   # on the computer whose clock is wrong'
  return worst < WRONG_MS ? warning(detail, fix) : wrong(detail, fix)
}
