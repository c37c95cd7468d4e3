// When provisioning is given up, and until when work delays a restart or a hibernation.
import type { Config } from '../config/config.ts'
import { DEFAULT_RUNTIME, isRuntime, PROVISION_TIMEOUT_SECONDS } from '../machines/runtimes.ts'

/** How long provisioning may take. */
export const provisionSeconds = ({ provisionTimeoutSeconds }: Config, runtime: string): number =>
  provisionTimeoutSeconds ?? PROVISION_TIMEOUT_SECONDS[isRuntime(runtime) ? runtime : DEFAULT_RUNTIME]

/** The deadline of provisioning that begins at `from`. */
export const provisionDeadline = (config: Config, runtime: string, from: Date): Date =>
  new Date(from.getTime() + provisionSeconds(config, runtime) * 1000)

/** Until when work that is under way delays what is requested at `from`. */
export const drainEnd = ({ sleep }: Config, from: Date): Date => new Date(from.getTime() + sleep.drainMs)
