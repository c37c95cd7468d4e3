// Which backend runs the machines: Fly, Docker, or, where none is named, the embedded emulator of Fly. And what this
// control plane does with machines on every backend.
import { number, oneOf, setting } from './setting.ts'

export const backend = setting('CONTAINER_BACKEND', oneOf(['flyio', 'docker']).optional())

/**
 * Where secret values are: secrets of the Fly app, a file in the container, or plain text in the machine's
 * configuration. Unset: `fly` or `file`, as the backend has it.
 */
export const secretsDelivery = setting('SECRETS_DELIVERY', oneOf(['fly', 'file', 'env']).optional())

/** Seconds until provisioning fails; undefined: the runtime's own (lib/machines/runtimes.ts). */
export const provisionTimeoutSeconds = setting('PROVISION_TIMEOUT_SECONDS', number(1, 86_400).optional())

/** What follows when others change a machine: it is reported, or the requested configuration is restored. */
export const driftPolicy = setting('DRIFT_POLICY', oneOf(['report', 'undo']).default('report'))

/** The age at which an orphaned machine is destroyed, in seconds. */
export const orphanGraceSeconds = setting('ORPHAN_GRACE_SECONDS', number(0, 86_400).default(600))
