// The verbs of a workspace. What a verb keeps and loses is said before it is done.
import { useState } from 'preact/hooks'
import type { Workspace } from '../../client/client.ts'
import { hasPrices } from '../fleet/cost.ts'
import { descendantsOf, putWorkspace } from '../fleet/store.ts'
import { navigate } from '../route.ts'
import { currentClient, may } from '../session/session.ts'
import { Dialog } from '../ui/dialog.tsx'
import { plural } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { Problem } from '../ui/problem.tsx'
import { Commands } from '../ui/show-commands.tsx'
import { useResource } from '../ui/use-resource.ts'
import { type Fate, readExplanation, type Survival } from './explanation.ts'
import { requestOf, type VerbOptions, type VerbRule, verbsOf } from './verb-rules.ts'

export function Verbs({ workspace }: { workspace: Workspace }) {
  const [chosen, setChosen] = useState<VerbRule>()
  if (!may('operate')) return null
  return (
    <div class="verbs" role="group" aria-label="Verbs">
      {verbsOf(workspace).map((rule) => (
        <button
          key={rule.verb}
          type="button"
          class={rule.verb === 'delete' ? 'button button-danger-quiet' : 'button'}
          onClick={() => setChosen(rule)}
        >
          <Icon name={rule.icon} />
          {rule.title}
        </button>
      ))}
      {chosen !== undefined && (
        <VerbDialog rule={chosen} workspace={workspace} onClose={() => setChosen(undefined)} />
      )}
    </div>
  )
}

type VerbDialogProps = { rule: VerbRule; workspace: Workspace; onClose: () => void }

function VerbDialog({ onClose, rule, workspace }: VerbDialogProps) {
  const { id, name } = workspace
  const children = descendantsOf(id).length
  const [isForced, setForced] = useState(false)
  const [keepsDisk, setKeepsDisk] = useState(false)
  const [problem, setProblem] = useState<unknown>()
  const [isBusy, setBusy] = useState(false)
  const explanation = useResource(() => readExplanation(currentClient(), id), [id])
  const survival = explanation.value?.survives.find(({ event }) => event === rule.survival)
  const isDelete = rule.verb === 'delete'
  const options: VerbOptions = { isForced, keepsDisk, children }
  const hasChildren = children > 0 && rule.verb !== 'restart' && rule.verb !== 'hibernate'

  async function run(): Promise<void> {
    setBusy(true)
    try {
      await carryOut(rule, id, options)
      onClose()
      if (isDelete) navigate('#/')
    } catch (error) {
      setProblem(error)
      setBusy(false)
    }
  }

  return (
    <Dialog title={`${rule.title} ${name}?`} onClose={onClose}>
      <div class="dialog-body">
        <p>{rule.text}</p>
        {hasChildren && (
          <p class="note-warn">
            <Icon name="warning" /> {plural(children, 'workspace')} below it {children === 1 ? 'is' : 'are'}{' '}
            included.
          </p>
        )}
        {survival !== undefined && <Survives survival={survival} keepsDisk={isDelete && keepsDisk} />}
        {isDelete && workspace.disk !== null && (
          <label class="check">
            <input type="checkbox" checked={keepsDisk} onChange={() => setKeepsDisk(!keepsDisk)} /> Keep the
            disk until you delete it{hasPrices.value && ': it costs money until then'}
          </label>
        )}
        {(rule.verb === 'restart' || rule.verb === 'hibernate') && workspace.active_tasks > 0 && (
          <label class="check">
            <input type="checkbox" checked={isForced} onChange={() => setForced(!isForced)} /> Do not wait for
            the work that is under way
          </label>
        )}
        <details class="more">
          <summary>Show as curl / CLI</summary>
          <Commands {...requestOf(rule.verb, id, options)} />
        </details>
        {problem !== undefined && <Problem problem={problem} />}
      </div>
      <footer class="dialog-foot">
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          class={isDelete ? 'button button-danger' : 'button button-primary'}
          disabled={isBusy}
          onClick={() => void run()}
        >
          {isBusy ? 'Sending…' : isDelete && keepsDisk ? 'Delete, and keep the disk' : rule.title}
        </button>
      </footer>
    </Dialog>
  )
}

function Survives({ keepsDisk, survival }: { survival: Survival; keepsDisk: boolean }) {
  const { memory, note, root_filesystem } = survival
  const disk = keepsDisk ? 'kept' : survival.disk
  return (
    <div class="survives">
      <dl>
        {disk !== null && <FateOf what="Disk" fate={disk} />}
        <FateOf what="Memory" fate={memory} />
        <FateOf what="Other files of the machine" fate={root_filesystem} />
      </dl>
      {note !== null && survival.event !== 'delete' && <p class="muted">{note}</p>}
    </div>
  )
}

function FateOf({ fate, what }: { what: string; fate: Fate }) {
  return (
    <div>
      <dt>{what}</dt>
      <dd class={`fate fate-${fate}`}>
        <Icon name={fate === 'lost' ? 'close' : 'check'} />
        {fate === 'snapshot' ? 'as in the snapshot' : fate}
      </dd>
    </div>
  )
}

async function carryOut({ verb }: VerbRule, id: string, options: VerbOptions): Promise<void> {
  const client = currentClient()
  const path = { id }
  const force = options.isForced ? { force: 'true' as const } : {}
  switch (verb) {
    case 'restart':
      await client.api.POST('/workspaces/{id}/restart', { params: { path, query: force } })
      break
    case 'hibernate':
      await client.api.POST('/workspaces/{id}/hibernate', { params: { path, query: force } })
      break
    case 'pause':
      await client.api.POST('/workspaces/{id}/pause', { params: { path } })
      break
    case 'resume':
      await client.api.POST('/workspaces/{id}/resume', { params: { path } })
      break
    case 'delete':
      await client.api.DELETE('/workspaces/{id}', {
        params: {
          path,
          query: {
            ...(options.children > 0 ? { confirm: 'true' as const } : {}),
            ...(options.keepsDisk ? { keep_disk: 'true' as const } : {}),
          },
        },
      })
      putWorkspace(id, undefined)
      return
  }
  putWorkspace(id, await client.getWorkspace(id))
}
