// Stores a message that the control plane wrote itself. Its delivery chooses the version of A2A, which it must never do
// for the messages of others.
import type { WithSubquery } from 'drizzle-orm'
import { parseEnvelope } from '../a2a/wire/json-rpc.ts'
import type { Context } from '../config/context.ts'
import { encodeUtf8InSlices } from '../platform/slices.ts'
import { type Acceptance, type Accepted, acceptMessage } from './accept.ts'

/**
 * @param message its text as `writePlatformMessage` returns it
 * @param also a further insert in the same statement, as in `acceptMessage`
 * @throws ProxyError as `acceptMessage`
 */
export async function acceptPlatformMessage(
  services: Context,
  message: Pick<Acceptance, 'workspaceId' | 'caller' | 'fingerprint'> & { text: string },
  also?: WithSubquery,
): Promise<Accepted> {
  const body = await encodeUtf8InSlices(message.text)
  const acceptance: Acceptance = {
    ...message,
    headers: ['content-type', 'application/json', 'accept', 'application/json'],
    query: '',
    body,
    envelope: (await parseEnvelope(body)).envelope,
    isByPlatform: true,
  }
  return acceptMessage(services, acceptance, also)
}
