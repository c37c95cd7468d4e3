// What must still be on the disks at the end: the highest count that each workspace's agent has acknowledged. A restore that was
// requested lowers it to what the snapshot had, because that loss was announced.

export type Acknowledged = {
  /** The least count that the disk of the workspace must have. */
  least: ReadonlyMap<string, number>
  /** Before the agent is asked. The result records its answer. An answer from before a restore does not matter. */
  asking(workspace: string): (count: number) => void
  /** A copy of one disk became the disk of a new workspace. */
  copied(workspace: string, least: number): void
  /**
   * A restore was requested. From now on counts do not matter, because they may be of the disk before, until the result says
   * that the new disk is in use.
   */
  restoring(workspace: string, least: number): (isInUse: boolean) => void
}

export function createAcknowledged(): Acknowledged {
  const least = new Map<string, number>()
  /** How many restores are under way, and how many were ever requested. */
  const restoring = new Map<string, number>()
  const requested = new Map<string, number>()
  const of = (workspace: string) => least.get(workspace) ?? 0
  return {
    least,
    asking(workspace) {
      const restores = requested.get(workspace)
      return (count) => {
        if (restoring.has(workspace) || requested.get(workspace) !== restores) return
        least.set(workspace, Math.max(count, of(workspace)))
      }
    },
    copied: (workspace, count) => void least.set(workspace, Math.max(count, of(workspace))),
    restoring(workspace, snapshot) {
      restoring.set(workspace, (restoring.get(workspace) ?? 0) + 1)
      requested.set(workspace, (requested.get(workspace) ?? 0) + 1)
      least.set(workspace, Math.min(snapshot, of(workspace)))
      return (isInUse) => {
        const others = (restoring.get(workspace) ?? 1) - 1
        // Without an answer it is not known when the restore happens, so counts never matter again.
        if (!isInUse) return
        if (others === 0) restoring.delete(workspace)
        else restoring.set(workspace, others)
      }
    },
  }
}
