// The secrets that sign deliveries of an endpoint: generated here, shown once, stored encrypted. During a rotation
// both are valid, and every delivery is signed with both (Standard Webhooks, "signature scheme").
import type { Context } from '../config/context.ts'
import { and, desc, eq, gt, isNull, or } from 'drizzle-orm'
import { webhookSecrets } from '../../drizzle/schema/index.ts'
import { encodeBase64 } from '../platform/encoding.ts'
import { sealingKey } from '../secrets/sealing-key.ts'
import { locationOfEndpoint, seal, unseal } from '../secrets/seal.ts'

/** Random bytes of a secret: between 24 and 64 (Standard Webhooks). */
const SECRET_BYTES = 32

/**
 * @returns the secret to show, and the row to store
 * @throws DomainError `misconfigured` without an encryption key
 */
export async function mintSigningSecret(services: Context, endpointId: string) {
  const key = sealingKey(services)
  const secret = `whsec_${encodeBase64(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)))}`
  const at = services.now()
  const row = {
    id: crypto.randomUUID(),
    endpointId,
    ...(await seal(key, locationOfEndpoint(endpointId), secret)),
    createdAt: at,
    updatedAt: at,
    expiresAt: null,
  }
  return { secret, row }
}

/** The secrets that are valid now, the newest first. @throws Unreadable */
export async function readSigningSecrets(
  { config, db, now }: Context,
  endpointId: string,
): Promise<string[]> {
  const rows = await db
    .select()
    .from(webhookSecrets)
    .where(
      and(
        eq(webhookSecrets.endpointId, endpointId),
        or(isNull(webhookSecrets.expiresAt), gt(webhookSecrets.expiresAt, now())),
      ),
    )
    .orderBy(desc(webhookSecrets.createdAt))
  return Promise.all(rows.map((row) => unseal(config.secretKeys, locationOfEndpoint(endpointId), row)))
}
