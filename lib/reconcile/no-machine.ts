// What a row says when its workspace has no machine.

/** The columns of a workspace that has no machine and requested none. */
export const NO_MACHINE = {
  launchId: null,
  launchedAt: null,
  launchSlotAt: null,
  launchRegion: null,
  launchImage: null,
  launchDisk: null,
  app: null,
  machineId: null,
  machineGeneration: null,
  machineSpecVersion: null,
  machineVersion: null,
  machineSignature: null,
  drift: null,
  unreachableSince: null,
  absentSince: null,
} as const
