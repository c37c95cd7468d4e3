// The key that encrypts new secrets, and the encryption of the secrets of a new workspace.
import type { Context } from '../config/context.ts'
import { DomainError } from '../platform/errors.ts'
import { seal, type Sealed } from './seal.ts'

/** The current key. @throws DomainError `misconfigured` */
export function sealingKey({ config }: Pick<Context, 'config'>): Uint8Array {
  const [key] = config.secretKeys
  if (key !== undefined) return key
  throw new DomainError(
    'misconfigured',
    'secrets cannot be stored: set SECRETS_ENCRYPTION_KEY to 32 random bytes (openssl rand -base64 32)',
  )
}

/** Encrypts the secrets of a new workspace. @throws DomainError `misconfigured` */
export async function sealAll(
  services: Context,
  workspaceId: string,
  values: Record<string, string>,
): Promise<({ key: string } & Sealed)[]> {
  const entries = Object.entries(values)
  if (entries.length === 0) return []
  const sealing = sealingKey(services)
  return Promise.all(
    entries.map(async ([key, value]) => ({ key, ...(await seal(sealing, { workspaceId, key }, value)) })),
  )
}
