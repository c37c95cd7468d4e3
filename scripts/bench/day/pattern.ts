// What happens to the workspaces of a simulated day: sessions of messages, holds, and machines that suspend themselves.
// Pure: the same seed is the same day.
import { chanceOf } from '../../chaos/random.ts'

export const MINUTE = 60_000

export type Action = {
  /** Milliseconds since the day began. */
  at: number
  /** The index of the workspace. */
  workspace: number
} & (
  | { kind: 'message'; id: string; workMs: number; isStored: boolean }
  | { kind: 'hold'; ms: number }
  | { kind: 'suspend' }
)

export type Day = {
  actions: Action[]
  /** The workspaces that have a schedule, which sends a message every six hours. */
  scheduled: ReadonlySet<number>
}

/** @param hours how much of the day is simulated */
export function dayOf(seed: number, workspaces: number, hours: number): Day {
  const actions: Action[] = []
  const scheduled = new Set<number>()
  for (let workspace = 0; workspace < workspaces; workspace++) {
    const chance = chanceOf(seed, `workspace ${workspace}`)
    if (chance.hit(0.1)) scheduled.add(workspace)
    const sessions = Math.max(1, Math.round((chance.between(1, 4) * hours) / 24))
    for (let session = 0; session < sessions; session++) {
      let at = chance.between(0, Math.max(0, hours * 60 - 60)) * MINUTE
      const messages = chance.between(1, 4)
      for (let n = 0; n < messages; n++) {
        // Half of the messages are questions; the others are work of up to half an hour.
        const workMs = chance.hit(0.5) ? 0 : chance.between(1, 30) * MINUTE
        actions.push({
          at,
          workspace,
          kind: 'message',
          id: `m-${workspace}-${session}-${n}`,
          workMs,
          isStored: chance.hit(0.3),
        })
        at += chance.between(1, 8) * MINUTE
      }
      if (chance.hit(0.1)) actions.push({ at, workspace, kind: 'hold', ms: chance.between(10, 60) * MINUTE })
      if (chance.hit(0.1)) actions.push({ at: at + 5 * MINUTE, workspace, kind: 'suspend' })
    }
  }
  return { actions: actions.toSorted((a, b) => a.at - b.at), scheduled }
}
