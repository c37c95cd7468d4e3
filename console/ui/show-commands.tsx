// "Show as curl / CLI": what the console just shows or would do, from a terminal.
import { useState } from 'preact/hooks'
import { session } from '../session/session.ts'
import { type ApiRequest, cliOf, curlOf } from './commands.ts'
import { Copy } from './copy.tsx'
import { Dialog } from './dialog.tsx'
import { Icon } from './icons.tsx'

type CommandsProps = { request: ApiRequest; cli?: readonly string[] | undefined }

/** Both commands, each with a button that copies it. */
export function Commands({ cli, request }: CommandsProps) {
  const hasToken = session.value.state === 'signed_in' && session.value.hasToken
  const curl = curlOf(request, location.origin, hasToken)
  return (
    <div class="commands">
      <Command name="curl" text={curl} />
      {cli !== undefined && <Command name="Command line" text={cliOf(cli, location.origin)} />}
      {hasToken && (
        <p class="muted">
          <small>
            Set <code>MOLECULE_FLY_TOKEN</code> to your token first.
          </small>
        </p>
      )}
    </div>
  )
}

function Command({ name, text }: { name: string; text: string }) {
  return (
    <figure class="command">
      <figcaption>
        {name} <Copy text={text} label={`Copy the ${name} command`} />
      </figcaption>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- A region that scrolls must be reachable by keyboard. */}
      <pre tabIndex={0} role="region" aria-label={`${name} command`}>
        {text}
      </pre>
    </figure>
  )
}

/** A button that opens a dialog with the commands. */
export function ShowCommands(props: CommandsProps) {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <button
        type="button"
        class="button-icon"
        aria-label="Show as curl and command line"
        title="Show as curl / CLI"
        onClick={() => setOpen(true)}
      >
        <Icon name="terminal" />
      </button>
      {isOpen && (
        <Dialog title="The same from a terminal" isWide onClose={() => setOpen(false)}>
          <Commands {...props} />
        </Dialog>
      )}
    </>
  )
}
