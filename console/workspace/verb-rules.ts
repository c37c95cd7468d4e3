// Which verbs a workspace offers in which status, and how each is asked for. Pure.
import type { Workspace } from '../../client/client.ts'
import type { IconName } from '../ui/icons.tsx'

export type Verb = 'resume' | 'restart' | 'pause' | 'hibernate' | 'delete'

export type VerbRule = {
  verb: Verb
  title: string
  icon: IconName
  /** What it does, in a sentence or two. */
  text: string
  /** The event in the survival table of `explain`; null where nothing is lost. */
  survival: string | null
  from: readonly Workspace['status'][]
}

export const VERBS: readonly VerbRule[] = [
  {
    verb: 'resume',
    title: 'Resume',
    icon: 'play',
    text: 'Starts the machine of this workspace and of those below it.',
    survival: null,
    from: ['paused', 'hibernated'],
  },
  {
    verb: 'restart',
    title: 'Restart',
    icon: 'restart',
    text: 'Boots the machine with the newest settings. Work that is under way ends first, unless you force it.',
    survival: 'restart',
    from: ['provisioning', 'ready', 'degraded', 'offline', 'failed', 'paused', 'hibernated'],
  },
  {
    verb: 'hibernate',
    title: 'Hibernate',
    icon: 'sleep',
    text: 'Suspends the machine. The next message wakes it.',
    survival: 'hibernate',
    from: ['ready', 'degraded'],
  },
  {
    verb: 'pause',
    title: 'Pause',
    icon: 'pause',
    text: 'Stops the machine of this workspace and of those below it. No message starts it again; only Resume does.',
    survival: 'pause',
    from: ['provisioning', 'ready', 'degraded', 'offline', 'hibernated'],
  },
  {
    verb: 'delete',
    title: 'Delete',
    icon: 'trash',
    text: 'Destroys the machine and then its disk. This cannot be undone.',
    survival: 'delete',
    from: ['provisioning', 'ready', 'degraded', 'offline', 'failed', 'paused', 'hibernated'],
  },
]

/** What needs a machine: an agent that runs elsewhere has none. */
const OF_MACHINES: readonly Verb[] = ['restart', 'hibernate']

export const verbsOf = ({ runtime, status }: Workspace): VerbRule[] =>
  VERBS.filter(
    ({ from, verb }) => from.includes(status) && (runtime !== 'external' || !OF_MACHINES.includes(verb)),
  )

export type VerbOptions = { isForced: boolean; keepsDisk: boolean; children: number }

/** The request of a verb, and the same on the command line. */
export function requestOf(verb: Verb, id: string, { children, isForced, keepsDisk }: VerbOptions) {
  if (verb === 'delete') {
    const query = new URLSearchParams()
    if (children > 0) query.set('confirm', 'true')
    if (keepsDisk) query.set('keep_disk', 'true')
    return {
      request: { method: 'DELETE', path: `/workspaces/${id}${query.size === 0 ? '' : `?${query}`}` },
      // The command line removes the disk, too.
      cli: keepsDisk ? undefined : ['rm', id, ...(children > 0 ? ['--children'] : [])],
    }
  }
  const force = isForced && (verb === 'restart' || verb === 'hibernate')
  return {
    request: { method: 'POST', path: `/workspaces/${id}/${verb}${force ? '?force=true' : ''}` },
    cli: force ? undefined : [verb, id],
  }
}
