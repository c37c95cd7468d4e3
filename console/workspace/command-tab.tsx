// Commands in the machine of a workspace, one after the other: there is no terminal behind this (docs/inside.md).
import { useState } from 'preact/hooks'
import type { components } from '../../client/client.ts'
import { currentClient } from '../session/session.ts'
import { Empty } from '../ui/empty.tsx'
import { duration } from '../ui/format.ts'
import { Problem } from '../ui/problem.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { useAction } from '../ui/use-action.ts'

type Run = { line: string; result: components['schemas']['ExecResult'] }

const EXAMPLE = 'df -h; ps'

const toCommand = (line: string) => ['sh', '-c', line]

export function CommandTab({ id }: { id: string }) {
  const [line, setLine] = useState('')
  const [runs, setRuns] = useState<readonly Run[]>([])
  const action = useAction(async () => {
    const { data } = await currentClient().api.POST('/workspaces/{id}/exec', {
      params: { path: { id } },
      body: { command: toCommand(line) },
    })
    if (data !== undefined) setRuns((before) => [{ line, result: data }, ...before])
  })
  const command = toCommand(line === '' ? EXAMPLE : line)

  return (
    <>
      <form
        class="tab-bar"
        onSubmit={(event) => {
          event.preventDefault()
          if (line.trim() !== '' && !action.isBusy) action.run()
        }}
      >
        <label class="command-line">
          <span class="visually-hidden">Command line for sh</span>
          <input
            type="text"
            placeholder={EXAMPLE}
            autocomplete="off"
            spellcheck={false}
            value={line}
            onInput={(event) => setLine(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="button button-primary" disabled={action.isBusy}>
          {action.isBusy ? 'Running…' : 'Run'}
        </button>
        <ShowCommands
          request={{ method: 'POST', path: `/workspaces/${id}/exec`, body: { command } }}
          cli={['exec', id, '--', ...command]}
        />
      </form>
      {action.problem !== undefined && <Problem problem={action.problem} />}
      {runs.length === 0 && (
        <Empty title="Run a command in the machine.">
          <code>sh</code> runs it beside the agent, and its output appears when it has ended, after 30 seconds
          at the latest. A sleeping workspace is woken first.
        </Empty>
      )}
      {runs.map((run, index) => (
        <RunView key={runs.length - index} run={run} />
      ))}
    </>
  )
}

function RunView({ run: { line, result } }: { run: Run }) {
  const { duration_ms, exit_code, signal, stderr, stdout, timed_out, truncated } = result
  return (
    <section class="run" aria-label={line}>
      <header>
        <code>$ {line}</code>
        <span class={exit_code === 0 ? 'muted' : 'note-bad'}>
          {timed_out ? 'killed after its time' : signal === null ? `exit ${exit_code}` : `signal ${signal}`}
        </span>
        <span class="muted">{duration_ms < 1000 ? `${duration_ms} ms` : duration(duration_ms)}</span>
      </header>
      {stdout !== '' && <pre class="output">{stdout}</pre>}
      {stderr !== '' && <pre class="output output-bad">{stderr}</pre>}
      {truncated && <p class="muted">The output was cut.</p>}
    </section>
  )
}
