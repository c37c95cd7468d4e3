// Authenticates the sender of an inbound webhook by the hook's secret. Every refusal (unknown workspace, unknown
// hook, disabled, wrong signature) has the same answer and costs about the same: one read, one secret, one HMAC over
// the body.
import { and, eq, ne, sql } from 'drizzle-orm'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { hooks, hookSecrets, workspaces } from '../../drizzle/schema/index.ts'
import type { Context } from '../config/context.ts'
import { DomainError } from '../platform/errors.ts'
import { toPostgresText } from '../platform/postgres-text.ts'
import { isUuid } from '../platform/uuid.ts'
import { locationOfHook, seal, Unreadable, unseal } from '../secrets/seal.ts'
import type { HookContext } from './context.ts'
import { toScheme } from './hooks.ts'
import { recordRefusal } from './refusals.ts'
import { type IncomingWebhook, type Scheme, verifySignature } from './verify.ts'

export type ProvenHook = Omit<typeof hooks.$inferSelect, 'scheme'> & { scheme: Scheme }

/** The workspace, in lower case, and the hook that an address names. */
export type HookAddress = { workspaceId: string; hook: string }

/**
 * @param later records a refusal after the answer, so that its time does not show whether the hook exists
 * @throws DomainError `unauthenticated`
 */
export async function proveHook(
  services: HookContext,
  address: HookAddress,
  incoming: IncomingWebhook,
  later: (work: Promise<unknown>) => void,
): Promise<ProvenHook> {
  const found = await findHook(services, address)
  const secrets = found === undefined || found.secrets.length === 0 ? [await decoy(services)] : found.secrets
  const isGood = await verifySignature(found?.hook.scheme ?? 'github', secrets, incoming, services.now())
  if (isGood && found?.hook.enabled === true) return found.hook
  later(refuse(services, address, found, incoming.body.length))
  throw new DomainError('unauthenticated', 'the hook does not exist, or the signature is wrong')
}

/** A random secret for a hook that does not exist. Sealing it costs as much as opening a stored one. */
async function decoy({ config }: Context): Promise<string> {
  const secret = crypto.randomUUID()
  const [key] = config.secretKeys
  if (key !== undefined) await seal(key, { workspaceId: null, key: 'hook:' }, secret)
  return secret
}

type Found = { hook: ProvenHook; secrets: string[] }

/** A refusal at an unknown address is routine; one at a known address is a mistake that its owner looks for. */
async function refuse(
  services: HookContext,
  address: HookAddress,
  found: Found | undefined,
  bytes: number,
): Promise<void> {
  const scheme = found?.hook.scheme ?? 'unknown'
  services.metrics.count('molecule_webhooks_total', { scheme, outcome: 'refused' })
  if (found === undefined) {
    services.log('info', 'a webhook was refused', {
      workspace_id: address.workspaceId,
      hook: address.hook,
      scheme,
      reason: 'unknown',
    })
    return
  }
  const [reason, message] = !found.hook.enabled
    ? ['disabled', 'the hook is disabled']
    : found.secrets.length === 0
      ? ['no_secret', 'the hook has no secret that can be read']
      : ['signature', 'the signature is missing, wrong or too old']
  await recordRefusal(services, found.hook, { reason, message, bytes })
}

/**
 * A delivery that is too large to be read at all, so its signature is unknown. The answer is the same for every address.
 * @param bytes as the sender announced, or null
 */
export async function refuseUnread(
  services: HookContext,
  address: HookAddress,
  { bytes, message }: { bytes: number | null; message: string },
): Promise<void> {
  const found = await findHook(services, address)
  if (found === undefined) return
  services.metrics.count('molecule_webhooks_total', { scheme: found.hook.scheme, outcome: 'not_taken' })
  await recordRefusal(services, found.hook, { reason: 'too_large', message, bytes })
}

type Address = { workspaceId: string; name: string; now: Date }

const findStatement = prepared((db, valueOf: ValueOf<Address>) =>
  db
    .select({ hook: hooks, secret: hookSecrets })
    .from(hooks)
    .innerJoin(workspaces, eq(workspaces.id, hooks.workspaceId))
    .leftJoin(
      hookSecrets,
      and(
        eq(hookSecrets.hookId, hooks.id),
        sql`(${hookSecrets.expiresAt} is null or ${hookSecrets.expiresAt} > ${valueOf('now')}::timestamptz)`,
      ),
    )
    .where(
      and(
        eq(hooks.workspaceId, valueOf('workspaceId')),
        eq(hooks.name, valueOf('name')),
        ne(workspaces.status, 'removed'),
      ),
    ),
)

const NO_WORKSPACE = '00000000-0000-0000-0000-000000000000'

async function findHook(
  services: Context,
  { hook: name, workspaceId }: HookAddress,
): Promise<Found | undefined> {
  const rows = await findStatement(services.db, {
    workspaceId: isUuid(workspaceId) ? workspaceId : NO_WORKSPACE,
    name: toPostgresText(name),
    now: services.now(),
  })
  const [first] = rows
  if (first === undefined) return undefined
  const hook = { ...first.hook, scheme: toScheme(first.hook.scheme) }
  const secrets: string[] = []
  for (const { secret } of rows) {
    if (secret === null) continue
    try {
      secrets.push(await unseal(services.config.secretKeys, locationOfHook(hook), secret))
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      services.log('error', 'the secret of a hook cannot be read', {
        workspace_id: workspaceId,
        hook: name,
        error,
      })
    }
  }
  return { hook, secrets }
}
