// All events of a workspace that are kept, with new ones as they happen.
import { ShowCommands } from '../ui/show-commands.tsx'
import { Timeline } from './timeline.tsx'

const MOST = 500

export function WorkspaceEvents({ id }: { id: string }) {
  return (
    <>
      <div class="tab-bar">
        <p class="muted">The newest {MOST}; new ones appear as they happen.</p>
        <ShowCommands
          request={{ method: 'GET', path: `/workspaces/${id}/events` }}
          cli={['events', '--workspace', id, '--follow']}
        />
      </div>
      <Timeline id={id} most={MOST} />
    </>
  )
}
