// Rows and observations for the unit tests of `decide`.
import type { Workspace } from '../../lib/lifecycle/workspace.ts'
import type { MachinePhase, Observed } from '../../lib/provisioner/provisioner.ts'
import { UNTOUCHED } from '../../lib/workspaces/untouched.ts'

export const NOW = new Date('2026-01-01T00:00:00Z')
/** The defaults of the settings. */
export const LIVENESS = {
  silenceMs: 180_000,
  comebackMs: 120_000,
  busyMs: 3_600_000,
  hostUnreachableMs: 60_000,
  hostLossMs: 900_000,
}

export const later = (ms: number) => new Date(NOW.getTime() + ms)

export function workspace(over: Partial<Workspace> = {}): Workspace {
  return {
    ...UNTOUCHED,
    leaseId: null,
    id: 'w',
    slug: null,
    name: 'w',
    role: null,
    runtime: 'hermes',
    tier: 2,
    regions: ['ord'],
    model: null,
    parentId: null,
    env: {},
    config: {},
    labels: {},
    files: [],
    publicCard: null,
    completesMessages: true,
    image: null,
    idleMinutes: null,
    diskId: null,
    diskPath: '/workspace',
    onHostLoss: 'wait',
    onOutsideStop: 'sleep',
    status: 'provisioning',
    statusChangedAt: NOW,
    deadlineAt: later(600_000),
    idempotencyKey: null,
    idempotencyFingerprint: null,
    idempotencyAnswer: null,
    nextCheckAt: NOW,
    createdAt: NOW,
    updatedAt: NOW,
    disk: null,
    ...over,
  }
}

export const PHASES: MachinePhase[] = ['busy', 'started', 'stopped', 'suspended', 'failed', 'gone', 'unknown']

export function present(
  phase: MachinePhase,
  over: { id?: string; generation?: number; crashed?: boolean; cordoned?: boolean; requested?: boolean } = {},
): Observed {
  return {
    presence: 'present',
    machine: {
      id: over.id ?? 'm1',
      app: 'app',
      phase,
      state: phase === 'gone' ? 'destroyed' : phase,
      region: 'ord',
      help: { log: 'show-log m1', look: 'show m1' },
      image: 'image',
      version: undefined,
      isCordoned: over.cordoned === true,
      size: undefined,
      disk: undefined,
      labels: { workspaceId: 'w', generation: over.generation ?? 1, launchId: 'l', controlPlane: 'c' },
      exit:
        over.crashed === true
          ? { exitCode: 1, oomKilled: false, requested: false, at: NOW, ranSeconds: undefined }
          : undefined,
      stopRequest: over.requested === true ? { verb: 'stop', source: 'user', at: NOW } : undefined,
      startError: undefined,
    },
  }
}
