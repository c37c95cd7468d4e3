// Whether a webhook was sent by somebody who has the hook's secret. Whatever is wrong (no such workspace, no such hook, disabled,
// signature), the answer is the same and has taken about the same work: one read, one secret, one HMAC over the body.
import type { Context } from '../config/context.ts'
import type { Core } from '../platform/context.ts'
import { and, eq, gt, isNull, or, sql } from 'drizzle-orm'
import { hooks, hookSecrets, workspaces } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { placeOfHook, seal, Unreadable, unseal } from '../secrets/seal.ts'
import { toPostgresText } from '../platform/postgres-text.ts'
import { toScheme } from './hooks.ts'
import { type Incoming, type Scheme, verifySignature } from './verify.ts'

export type ProvenHook = Omit<typeof hooks.$inferSelect, 'scheme'> & { scheme: Scheme }

/**
 * @param place the workspace, in lower case, and the hook, as the address names them
 * @throws DomainError `unauthenticated`
 */
export async function proveHook(
  services: Context,
  place: { workspaceId: string; hook: string },
  incoming: Incoming,
): Promise<ProvenHook> {
  const found = await findHook(services, place)
  const secrets = found === undefined || found.secrets.length === 0 ? [await decoy(services)] : found.secrets
  const isGood = await verifySignature(found?.hook.scheme ?? 'github', secrets, incoming, services.now())
  if (isGood && found?.hook.enabled === true) return found.hook
  refuse(services, place, found)
}

/** Where there is nothing to compare with, it is compared with what nobody knows. Sealing it costs what opening another does. */
async function decoy({ config }: Context): Promise<string> {
  const secret = crypto.randomUUID()
  const [key] = config.secretKeys
  if (key !== undefined) await seal(key, { workspaceId: null, key: 'hook:' }, secret)
  return secret
}

type Found = { hook: ProvenHook; secrets: string[] }

function refuse(
  { log, metrics }: Core,
  place: { workspaceId: string; hook: string },
  found: Found | undefined,
): never {
  const scheme = found?.hook.scheme ?? 'unknown'
  const why =
    found === undefined
      ? 'unknown'
      : !found.hook.enabled
        ? 'disabled'
        : found.secrets.length === 0
          ? 'no secret'
          : 'signature'
  // Strangers may try addresses all day; somebody who knows one has a mistake that its owner looks for.
  log(found === undefined ? 'info' : 'warn', 'a webhook was refused', {
    workspace_id: place.workspaceId,
    hook: place.hook,
    scheme,
    why,
  })
  metrics.count('molecule_webhooks_total', { scheme, outcome: 'refused' })
  throw new DomainError('unauthenticated', 'there is no such hook, or the signature is not right')
}

const NO_WORKSPACE = '00000000-0000-0000-0000-000000000000'
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

async function findHook(
  services: Context,
  { hook: name, workspaceId }: { workspaceId: string; hook: string },
): Promise<Found | undefined> {
  const rows = await services.db
    .select({ hook: hooks, secret: hookSecrets })
    .from(hooks)
    .innerJoin(workspaces, eq(workspaces.id, hooks.workspaceId))
    .leftJoin(
      hookSecrets,
      and(
        eq(hookSecrets.hookId, hooks.id),
        or(isNull(hookSecrets.expiresAt), gt(hookSecrets.expiresAt, services.now())),
      ),
    )
    .where(
      and(
        eq(hooks.workspaceId, UUID.test(workspaceId) ? workspaceId : NO_WORKSPACE),
        eq(hooks.name, toPostgresText(name)),
        sql`${workspaces.status} <> 'removed'`,
      ),
    )
  const [first] = rows
  if (first === undefined) return undefined
  const hook = { ...first.hook, scheme: toScheme(first.hook.scheme) }
  const secrets: string[] = []
  for (const { secret } of rows) {
    if (secret === null) continue
    try {
      secrets.push(await unseal(services.config.secretKeys, placeOfHook(hook), secret))
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
