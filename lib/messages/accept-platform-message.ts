// Stores a message that the control plane wrote itself. Its delivery chooses the version of A2A, which it must never do
// for the messages of others.
import type { WithSubquery } from 'drizzle-orm'
import { parseEnvelope } from '../a2a/wire/json-rpc.ts'
import type { Context } from '../config/context.ts'
import { type Acceptance, type Accepted, acceptMessage } from './accept.ts'

/**
 * @param message its body is what `writePlatformMessage` returns
 * @param also a further insert in the same statement, as in `acceptMessage`
 * @throws ProxyError as `acceptMessage`
 */
export async function acceptPlatformMessage(
  services: Context,
  message: Pick<Acceptance, 'workspaceId' | 'caller' | 'fingerprint'> & { body: Uint8Array },
  also?: WithSubquery,
): Promise<Accepted> {
  const acceptance: Acceptance = {
    ...message,
    headers: ['content-type', 'application/json', 'accept', 'application/json'],
    query: '',
    envelope: (await parseEnvelope(message.body)).envelope,
    isByPlatform: true,
  }
  return acceptMessage(services, acceptance, also)
}
