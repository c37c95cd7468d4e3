// The input of secrets: a variable of the agent, with a value.
import { z } from 'zod'
import { boundedText } from '../platform/postgres-text.ts'
import { EnvName } from '../machines/env-name.ts'
import { isReservedEnv } from '../machines/machine-spec.ts'

/** The most secrets of one workspace, and the most global ones. */
export const MOST_SECRETS = 200

/** The agent's variable. Names of the platform are refused: they would take over the machine (docs/facts/molecule.md §1.1). */
export const SecretKey = EnvName.max(128).refine(
  (name) => !isReservedEnv(name),
  'is set by the platform and cannot be a secret',
)

/** Never empty: an agent with an empty key fails later, and elsewhere. */
const SecretValue = boundedText().min(1, 'must not be empty: delete the secret instead').max(32_768)

/** The body of PUT and POST (docs/facts/molecule.md §2.8). */
export const SaveSecretInput = z.strictObject({ key: SecretKey, value: SecretValue })

/** `secrets` of POST /workspaces. */
export const SecretValues = z
  .record(SecretKey, SecretValue)
  .refine((secrets) => Object.keys(secrets).length <= MOST_SECRETS, `must not be more than ${MOST_SECRETS}`)
