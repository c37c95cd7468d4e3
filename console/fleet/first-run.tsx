// An empty server teaches: one click makes the workspace of the tutorial, and leads to the conversation that asks it where it runs.
import { useState } from 'preact/hooks'
import { linkToWorkspace, navigate } from '../route.ts'
import { currentClient } from '../session/session.ts'
import { Problem } from '../ui/problem.tsx'
import { hasPrices } from './cost.ts'
import { putWorkspace } from './store.ts'

const TUTORIAL = { name: 'fly-worker', runtime: 'hermes', tier: 2 }

export function FirstRun() {
  const [problem, setProblem] = useState<unknown>()
  const [isBusy, setBusy] = useState(false)

  async function create(): Promise<void> {
    setBusy(true)
    try {
      const workspace = await currentClient().createWorkspace(TUTORIAL)
      putWorkspace(workspace.id, workspace)
      navigate(
        `${linkToWorkspace(workspace.id, 'chat')}?say=${encodeURIComponent('What region are you running in?')}`,
      )
    } catch (error) {
      setProblem(error)
      setBusy(false)
    }
  }

  return (
    <div class="first-run">
      <p class="empty-title">There are no workspaces yet.</p>
      <p>
        A workspace is one AI agent with its machine, its disk and its secrets. Create one, and it appears
        here with its status{hasPrices.value && ', what it costs'} and what it is doing.
      </p>
      <ol class="steps">
        <li>A machine is created, and boots the image of the agent.</li>
        <li>The agent registers. The workspace becomes ready: a message will be answered.</li>
        <li>You ask it where it runs.</li>
      </ol>
      {problem !== undefined && <Problem problem={problem} />}
      <p class="actions">
        <button type="button" class="button button-primary" disabled={isBusy} onClick={() => void create()}>
          {isBusy ? 'Creating…' : 'Create fly-worker and talk to it'}
        </button>
        <a class="button" href="#/new">
          Choose everything yourself
        </a>
      </p>
      <p class="muted">
        <small>hermes, tier 2 (1 CPU, 512 MB), 1 GB disk. It can be removed at any time.</small>
      </p>
    </div>
  )
}
