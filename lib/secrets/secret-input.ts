// What may be stored as a secret: a variable that an agent can have, with a value.
import { z } from 'zod'
import { boundedText } from '../platform/postgres-text.ts'
import { EnvName } from '../machines/env-name.ts'
import { isReservedEnv } from '../machines/machine-spec.ts'

/** Secrets of one workspace, or for all, at most. */
export const MOST_SECRETS = 200

/** The variable that an agent finds it in. Names of the platform's are refused: they would hijack the machine (molecule.md §1.1). */
export const SecretKey = EnvName.max(128).refine(
  (name) => !isReservedEnv(name),
  'is set by the platform and cannot be a secret',
)

/** Never empty: an agent that runs with a blank key fails later, and elsewhere. */
export const SecretValue = boundedText().min(1, 'must not be empty: delete the secret instead').max(32_768)

/** The body of PUT and POST (molecule.md §2.8). */
export const SaveSecretInput = z.strictObject({ key: SecretKey, value: SecretValue })

/** `secrets` of POST /workspaces. */
export const SecretValues = z
  .record(SecretKey, SecretValue)
  .refine((secrets) => Object.keys(secrets).length <= MOST_SECRETS, `must not be more than ${MOST_SECRETS}`)
