// When provisioning is given up, and until when work delays a restart or a hibernation.
import type { Config } from '../config/config.ts'
import { DEFAULT_RUNTIME, isRuntime, PROVISION_TIMEOUT_SECONDS } from '../machines/runtimes.ts'

/** The deadline of provisioning that begins at `from`. */
export function provisionDeadline(config: Config, runtime: string, from: Date): Date {
  const known = isRuntime(runtime) ? runtime : DEFAULT_RUNTIME
  const seconds = config.provisionTimeoutSeconds ?? PROVISION_TIMEOUT_SECONDS[known]
  return new Date(from.getTime() + seconds * 1000)
}

/** Until when work that is under way delays what is requested at `from`. */
export const drainEnd = ({ sleep }: Config, from: Date): Date => new Date(from.getTime() + sleep.drainMs)
