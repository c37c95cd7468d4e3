// Settings of sleeping workspaces, and of what remains of failed ones.
import { OUTSIDE_STOP_POLICIES } from '../../drizzle/schema/index.ts'
import { number, oneOf, setting, toMilliseconds } from './setting.ts'

const HOUR_MS = 3_600_000
const hoursToMs = (hours: number) => hours * HOUR_MS

export const SLEEP = {
  /** `on_outside_stop` of workspaces that name none. */
  onOutsideStop: setting('ON_OUTSIDE_STOP', oneOf(OUTSIDE_STOP_POLICIES).default('sleep')),
  /** How long the machine of a failed workspace is kept, stopped; 0: not at all. */
  failedMachineRetentionMs: setting(
    'FAILED_MACHINE_RETENTION_HOURS',
    number(0, 8_760).default(72).transform(hoursToMs),
  ),
  /** The longest hold. */
  holdMaxMs: setting('HOLD_MAX_HOURS', number(0.01, 8_760).default(24).transform(hoursToMs)),
  /** How long work that is under way may delay a restart, a rollout or a hibernation; 0: not at all. */
  drainMs: setting('DRAIN_SECONDS', number(0, 86_400).default(120).transform(toMilliseconds)),
}
