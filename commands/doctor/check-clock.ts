// Clocks: leases, deadlines and expiring tokens compare this computer's time with times that others wrote.
import { type Finding, ok, skipped, warning, wrong } from './finding.ts'
import type { ClockReading, Place } from './place.ts'

/** What leases forgive, in milliseconds: a lease that looks over while it is held lets two work on one machine. */
const WRONG_MS = 30_000
/** `Date` has whole seconds; beyond that and the way there, clocks that are kept by NTP agree. */
const WARNING_MS = 3_000

/** How far a clock is ahead of ours, in milliseconds, at the least: what the way there and back can explain does not count. */
export function aheadBy({ asked, heard, theirs }: ClockReading): number {
  if (theirs < asked) return theirs - asked
  return theirs > heard ? theirs - heard : 0
}

export async function checkClock(place: Place): Promise<Finding> {
  const database = await place.database().catch(() => undefined)
  // Whoever asks Fly reads its clock on the way.
  if (await place.flyIsThere()) await place.apps().catch(() => undefined)
  const readings = [
    ...(database === undefined ? [] : [['the database', database.clock] as const]),
    ...(place.flyClock() === undefined ? [] : [['Fly', place.flyClock() as ClockReading] as const]),
  ]
  if (readings.length === 0) return skipped('nobody answered whose clock could be compared')
  const told = readings.map(([who, reading]) => ({ who, ahead: aheadBy(reading) }))
  const worst = Math.max(...told.map(({ ahead }) => Math.abs(ahead)))
  const detail = told
    .map(({ ahead, who }) =>
      Math.abs(ahead) < WARNING_MS
        ? `${who} has the same time`
        : `${who} is ${(Math.abs(ahead) / 1000).toFixed(0)} s ${ahead > 0 ? 'ahead of' : 'behind'} this computer`,
    )
    .join(', ')
  if (worst < WARNING_MS) return ok(detail)
  const cure = 'sudo timedatectl set-ntp true   # on whichever of them is wrong'
  return worst < WRONG_MS ? warning(detail, cure) : wrong(detail, cure)
}
