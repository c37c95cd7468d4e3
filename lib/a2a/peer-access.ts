// Which workspaces an agent may send messages to, as the workspace tree allows it. Answers are cached for seconds.
import { canCommunicate } from '../registry/can-communicate.ts'
import type { ProxyContext } from './context.ts'

/** Synchronous where the answer is cached, so that a message costs no extra turn of the event loop. */
export function mayCommunicate(
  services: Pick<ProxyContext, 'db' | 'peerAccess'>,
  from: string,
  to: string,
): boolean | Promise<boolean> {
  const key = `${from} ${to}`
  return services.peerAccess.peek(key) ?? read()

  async function read(): Promise<boolean> {
    const allowed = await services.peerAccess.load(key, () => canCommunicate(services.db, from, to))
    return allowed === true
  }
}
