// Which workspaces an agent may send to: those that the tree allows. Kept for seconds.
import type { ProxyContext } from './context.ts'
import { canCommunicate } from '../registry/can-communicate.ts'

/** Quick where the answer is known. */
export function mayCommunicate(services: ProxyContext, from: string, to: string): boolean | Promise<boolean> {
  const key = `${from} ${to}`
  return services.peerAccess.peek(key) ?? read()

  async function read(): Promise<boolean> {
    const allowed = await services.peerAccess.load(key, () => canCommunicate(services.db, from, to))
    return allowed === true
  }
}
