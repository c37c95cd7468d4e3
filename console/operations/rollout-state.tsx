// What the states of a rollout and of its workspaces look like, and which commands a rollout accepts. The table of commands follows
// lib/rollouts/rollout-commands.ts.
import type { components } from '../../client/client.ts'
import { Status } from '../ui/status.tsx'
import { words } from '../ui/format.ts'

export type Rollout = components['schemas']['Rollout']
export type RolloutProgress = components['schemas']['RolloutProgress']
export type Member = RolloutProgress['workspaces'][number]

/** The status whose colour a state has. */
const COLOURS: Record<Rollout['state'] | Member['state'], string> = {
  running: 'provisioning',
  halted: 'degraded',
  rolling_back: 'degraded',
  rolled_back: 'paused',
  completed: 'ready',
  updating: 'provisioning',
  ready: 'ready',
  failed: 'failed',
  left: 'paused',
  restoring: 'degraded',
  restored: 'paused',
}

export const colourOf = (state: Rollout['state'] | Member['state']): string => COLOURS[state]

export function RolloutState({ state }: { state: Rollout['state'] | Member['state'] }) {
  return <Status status={COLOURS[state]} word={words(state)} />
}

export type RolloutCommand = {
  path: 'halt' | 'resume' | 'rollback'
  title: string
  from: readonly Rollout['state'][]
  isDanger: boolean
  /** What it keeps and what it changes. */
  text: string
}

export const ROLLOUT_COMMANDS: readonly RolloutCommand[] = [
  {
    path: 'halt',
    title: 'Halt',
    from: ['running'],
    isDanger: false,
    text: 'No further workspace gets the image. Those that have it keep it, and until you resume it or roll it back the runtime can have no other rollout.',
  },
  {
    path: 'resume',
    title: 'Resume',
    from: ['halted'],
    isDanger: false,
    text: 'It continues with the workspaces that do not have the image yet, and restarts them tranche by tranche.',
  },
  {
    path: 'rollback',
    title: 'Roll back',
    from: ['running', 'halted', 'completed'],
    isDanger: true,
    text: 'Every workspace that has the image is restarted with the earlier one. Their disks are kept.',
  },
]
