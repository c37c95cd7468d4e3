// A test delivery to an endpoint: signed like any other, sent at once and once, and not stored.
import type { WebhookContext } from './context.ts'
import type { EventView } from '../events/event-view.ts'
import { DomainError } from '../platform/errors.ts'
import { Unreadable } from '../secrets/seal.ts'
import { UNREADABLE_HINT } from '../secrets/read-secrets.ts'
import { getEndpoint } from './endpoints.ts'
import { type AttemptOutcome, send } from './send.ts'
import { readSigningSecrets } from './signing-secrets.ts'

/** Its type, which no event of the log has. */
const TEST_TYPE = 'webhook_endpoint_test'

/**
 * Works for disabled endpoints too.
 * @returns the outcome, the id under which it was sent, and its duration in milliseconds
 * @throws DomainError `not_found`; `misconfigured` when it cannot be signed
 */
export async function sendTestEvent(
  services: WebhookContext,
  id: string,
): Promise<{ outcome: AttemptOutcome; webhookId: string; ms: number }> {
  const { endpoint } = await getEndpoint(services, id)
  const secrets = await readSigningSecrets(services, id).catch((error: unknown) => {
    throw error instanceof Unreadable
      ? new DomainError('misconfigured', `its secret cannot be decrypted: ${UNREADABLE_HINT}`, {
          cause: error,
        })
      : error
  })
  if (secrets.length === 0) throw new DomainError('misconfigured', 'it has no secret: rotate the secret')
  const webhookId = `msg_test_${crypto.randomUUID()}`
  const at = services.now().toISOString()
  const data: EventView = {
    seq: 0,
    type: TEST_TYPE,
    workspace_id: null,
    generation: null,
    at,
    payload: { endpoint_id: id },
  }
  const began = performance.now()
  const outcome = await send(services, endpoint.url, secrets, { id: webhookId, type: TEST_TYPE, at, data })
  return { outcome, webhookId, ms: Math.round(performance.now() - began) }
}
