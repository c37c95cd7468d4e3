// Creating a workspace, or a copy of one with its disk.
import { useEffect, useState } from 'preact/hooks'
import type { CreateWorkspace } from '../../client/client.ts'
import { putWorkspace, workspaces } from '../fleet/store.ts'
import { linkToWorkspace, navigate, route } from '../route.ts'
import { currentClient, mayAll } from '../session/session.ts'
import { Empty } from '../ui/empty.tsx'
import { words } from '../ui/format.ts'
import { Problem } from '../ui/problem.tsx'
import { Commands } from '../ui/show-commands.tsx'
import { useAction } from '../ui/use-action.ts'
import { useResource } from '../ui/use-resource.ts'
import { cliOfInput, describeTier, readForm } from './input.ts'
import { PriceNote } from './price-note.tsx'

export function CreateView() {
  const from = workspaces.value.get(route.value.query.get('from') ?? '')
  const [input, setInput] = useState<CreateWorkspace>(() => readForm(new FormData(), from?.id))
  const create = useAction(async (body: CreateWorkspace) => {
    const workspace = await currentClient().createWorkspace(body)
    putWorkspace(workspace.id, workspace)
    navigate(linkToWorkspace(workspace.id))
  })
  const regions = useResource(async () => {
    const { data } = await currentClient().api.GET('/regions')
    return data ?? []
  }, [])

  const prices = useResource(async () => {
    const { data } = await currentClient().api.GET('/prices')
    return data
  }, [])

  useEffect(() => {
    document.title = 'New workspace · Workspaces'
  }, [])

  if (!mayAll('operate'))
    return (
      <main class="page">
        <h1 tabIndex={-1}>New workspace</h1>
        <Empty title="Your token may not create workspaces.">
          It needs the scope operate, and must not be limited to some workspaces.
        </Empty>
      </main>
    )

  const known = [...workspaces.value.values()]
  const runtimes = [...new Set([...RUNTIMES, ...known.map(({ runtime }) => runtime)])]

  return (
    <main class="page page-form">
      <h1 tabIndex={-1}>{from === undefined ? 'New workspace' : `Clone ${from.name}`}</h1>
      <p class="muted">
        {from === undefined
          ? 'One agent with its machine, its disk and its secrets. Only the name is required.'
          : 'A new workspace with a copy of the disk. What you leave empty is as in the original.'}
      </p>
      <form
        class="create"
        onInput={(event) => setInput(readForm(new FormData(event.currentTarget), from?.id))}
        onSubmit={(event) => {
          event.preventDefault()
          create.run(readForm(new FormData(event.currentTarget), from?.id))
        }}
      >
        <fieldset>
          <legend>What it is</legend>
          <label class="field">
            <span class="field-label">Name</span>
            <input name="name" required placeholder="fly-worker" autocomplete="off" spellcheck={false} />
          </label>
          <label class="field">
            <span class="field-label">Role</span>
            <input name="role" placeholder="What the agent is for" autocomplete="off" />
          </label>
          <label class="field">
            <span class="field-label">Runtime</span>
            <select name="runtime">
              <option value="">{from === undefined ? 'langgraph (the default)' : from.runtime}</option>
              {runtimes.map((runtime) => (
                <option key={runtime} value={runtime}>
                  {runtime === 'external' ? 'external: it runs elsewhere, without a machine' : runtime}
                </option>
              ))}
            </select>
          </label>
          <label class="field">
            <span class="field-label">Parent</span>
            <select name="parent_id">
              <option value="">none</option>
              {known.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        </fieldset>
        <fieldset>
          <legend>Machine</legend>
          <div class="choices" role="radiogroup" aria-label="Tier">
            {prices.value?.tiers.map((size) => (
              <label key={size.tier} class="choice">
                <input
                  type="radio"
                  name="tier"
                  value={size.tier}
                  defaultChecked={from?.tier == null ? size.is_default : size.tier === from.tier}
                />
                <strong>Tier {size.tier}</strong>
                <span class="muted">{describeTier(size)}</span>
              </label>
            ))}
          </div>
          {regions.value !== undefined && regions.value.length > 1 && (
            <label class="field">
              <span class="field-label">Region</span>
              <select name="region">
                <option value="">{from === undefined ? 'the default' : from.region}</option>
                {regions.value.map(({ region, state }) => (
                  <option key={region} value={region}>
                    {region}
                    {state === 'full' ? ' – was full lately' : state === 'open' ? ' – has capacity' : ''}
                  </option>
                ))}
              </select>
            </label>
          )}
          <label class="field">
            <span class="field-label">Disk in GB, 0 for none</span>
            <input
              name="disk_gb"
              type="number"
              min={0}
              max={500}
              placeholder={String(from?.disk?.size_gb ?? prices.value?.disk.default_gb ?? '')}
            />
          </label>
          <label class="field">
            <span class="field-label">Hibernates after minutes without work</span>
            <input name="idle_minutes" type="number" min={1} placeholder="never" />
          </label>
        </fieldset>
        <details class="more">
          <summary>Model, image, labels, environment, secrets</summary>
          <fieldset>
            <label class="field">
              <span class="field-label">Model</span>
              <input
                name="model"
                placeholder="anthropic:claude-sonnet-4"
                autocomplete="off"
                spellcheck={false}
              />
            </label>
            <label class="field">
              <span class="field-label">Image in place of the runtime's</span>
              <input name="image" autocomplete="off" spellcheck={false} />
            </label>
            <PairsField name="labels" label="Labels" placeholder="team=research" />
            <PairsField
              name="env"
              label="Environment, readable in the machine's config"
              placeholder="LOG_LEVEL=debug"
            />
            <PairsField name="secrets" label="Secrets, encrypted" placeholder="OPENAI_API_KEY=sk-…" />
          </fieldset>
        </details>
        {create.problem !== undefined && <Problem problem={create.problem} />}
        <PriceNote prices={prices.value} input={input} from={from} />
        <div class="form-foot">
          <button type="submit" class="button button-primary" disabled={create.isBusy}>
            {create.isBusy ? 'Creating…' : 'Create'}
          </button>
          <a class="button" href="#/">
            Cancel
          </a>
        </div>
        <details class="more">
          <summary>Show as curl / CLI</summary>
          <Commands
            request={{ method: 'POST', path: '/workspaces', body: masked(input) }}
            cli={cliOfInput(input)}
          />
        </details>
      </form>
    </main>
  )
}

/** A secret that was typed is not shown again. */
const masked = (input: CreateWorkspace): CreateWorkspace =>
  input.secrets == null
    ? input
    : { ...input, secrets: Object.fromEntries(Object.keys(input.secrets).map((key) => [key, '…'])) }

function PairsField({ label, name, placeholder }: { name: string; label: string; placeholder: string }) {
  return (
    <label class="field field-wide">
      <span class="field-label">
        {label}, one {words('name=value')} a line
      </span>
      <textarea name={name} rows={2} placeholder={placeholder} autocomplete="off" spellcheck={false} />
    </label>
  )
}

/** The runtimes that Molecule publishes (docs/facts/molecule.md §2.3), and agents without a machine (docs/external-agents.md). */
const RUNTIMES = [
  'langgraph',
  'claude-code',
  'openclaw',
  'crewai',
  'autogen',
  'deepagents',
  'hermes',
  'codex',
  'gemini-cli',
  'external',
]
