// What of an agent's work outlives which event: the table of docs/survival.md for one workspace, as `explain` shows it. A disk
// outlives every machine; the root filesystem is made anew from the image with each new specification, and on some providers at each
// cold boot; memory outlives a suspend only (docs/facts/fly.md §2.7, §4.2, §4.5). What a provider cannot do has no row.
import type { Workspace } from '../lifecycle/workspace.ts'
import { TIERS, type Tier } from '../machines/machine-spec.ts'
import type { Provisioner } from '../provisioner/provisioner.ts'

/** `snapshot`: as it was in the snapshot, of a lost host the newest one. `none`: the workspace has no disk. */
export type Fate = 'kept' | 'lost' | 'snapshot' | 'none'

export type Survival = {
  event: SurvivalEvent
  disk: Fate
  root_filesystem: Fate
  memory: Fate
  note: string | null
}

/** In the order of the table. An event with its opposite, such as pause and resume, is one row. */
export const SURVIVAL_EVENTS = [
  'restart',
  'pause',
  'hibernate',
  'own_suspend',
  'own_stop',
  'change',
  'rollout',
  'crash',
  'machine_destroyed',
  'region_change',
  'host_full',
  'host_lost',
  'restore',
  'given_up',
  'delete',
] as const

export type SurvivalEvent = (typeof SURVIVAL_EVENTS)[number]

const NOTES: Partial<Record<SurvivalEvent, string>> = {
  hibernate: 'The provider may drop the memory of a suspended machine; then the wake is a cold boot.',
  own_suspend: 'The provider may drop the memory of a suspended machine; then the wake is a cold boot.',
  region_change: 'The disk is copied by a snapshot, which is taken after the machine has stopped.',
  host_full:
    'The host is waited for: 60 s if the machine is suspended, else 10 s. Then the disk is copied to another host of its region.',
  restore: 'The disk before is kept for a while, because its data is newer.',
  given_up: 'The machine is kept for FAILED_MACHINE_RETENTION_HOURS, and the disk without a limit.',
}

const STOPPED_TO_SLEEP = 'The machine is stopped: its memory is not kept.'

/** Events that stop a machine, which is then started with the same specification. */
const STOPS: readonly SurvivalEvent[] = ['pause', 'hibernate', 'own_stop', 'crash']

/** Events of providers whose disks are on one of several hosts, and can be copied between them. */
const OF_COPIES: readonly SurvivalEvent[] = ['host_full', 'host_lost', 'restore']

type Rules = {
  provider: Pick<Provisioner, 'keepsMemory' | 'keepsRootFiles' | 'noCopies' | 'regions'>
  /** Days for which the disk of a removed workspace is kept. */
  retentionDays: number
}

export function survivalOf(
  workspace: Pick<Workspace, 'diskId' | 'onHostLoss' | 'tier'>,
  { provider, retentionDays }: Rules,
): Survival[] {
  const sleeps: Fate = provider.keepsMemory(TIERS[workspace.tier as Tier].memoryMb) ? 'kept' : 'lost'
  const restores = workspace.onHostLoss === 'restore'
  return SURVIVAL_EVENTS.filter((event) => isPossible(event, provider)).map((event) => {
    const isAsleep = event === 'hibernate' || event === 'own_suspend'
    const rest: Fate = event === 'own_suspend' ? 'kept' : isAsleep ? sleeps : 'lost'
    const keepsFiles = provider.keepsRootFiles && STOPS.includes(event)
    const isSnapshot = event === 'restore' || (event === 'host_lost' && restores)
    const isStopped = event === 'hibernate' && sleeps === 'lost'
    const disk: Fate = event === 'delete' && retentionDays === 0 ? 'lost' : isSnapshot ? 'snapshot' : 'kept'
    return {
      event,
      disk: workspace.diskId === null ? 'none' : disk,
      root_filesystem: keepsFiles ? 'kept' : rest,
      memory: rest,
      note: isStopped ? STOPPED_TO_SLEEP : noteOf(event, restores, retentionDays),
    }
  })
}

const isPossible = (event: SurvivalEvent, { noCopies, regions }: Rules['provider']): boolean =>
  event === 'region_change' ? regions.length > 1 : noCopies === undefined || !OF_COPIES.includes(event)

function noteOf(event: SurvivalEvent, restores: boolean, retentionDays: number): string | null {
  if (event === 'host_lost')
    return restores
      ? 'The newest snapshot is restored; the reason and the event say how old it is.'
      : 'The workspace waits for the host (on_host_loss is wait).'
  if (event === 'delete')
    return retentionDays === 0
      ? 'Kept with ?keep_disk=true, until the disk is deleted by request.'
      : `Kept for ${retentionDays} days (DISK_RETENTION_DAYS).`
  return NOTES[event] ?? null
}
