// Who may send to which workspace: the operator to all, an agent to those that the tree allows. Kept for seconds.
import { canCommunicate } from '../agents/access.ts'
import type { Caller } from '../caller.ts'
import type { Services } from '../services.ts'

/** Quick where the answer is known. A workspace that does not exist is nobody's to talk to, except the operator's. */
export function mayTalk(services: Services, caller: Caller, workspaceId: string): boolean | Promise<boolean> {
  if (caller.kind === 'admin' || caller.workspaceId === workspaceId) return true
  const from = caller.workspaceId
  const key = `${from} ${workspaceId}`
  return services.talks.peek(key) ?? read()

  async function read(): Promise<boolean> {
    const allowed = await services.talks.load(key, () => canCommunicate(services.db, from, workspaceId))
    return allowed === true
  }
}
