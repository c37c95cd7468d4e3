// A button that asks first: a dialog says what will happen.
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Dialog } from './dialog.tsx'
import { Problem } from './problem.tsx'
import { useAction } from './use-action.ts'

type ConfirmProps = {
  /** The words on the button, and on the one that does it. */
  label: string
  /** For screen readers, where several such buttons are on the page. */
  name: string
  question: string
  /** Whether it cannot be undone; true by default. */
  isDanger?: boolean
  children: ComponentChildren
  perform: () => Promise<void>
}

export function Confirm({ children, isDanger = true, label, name, perform, question }: ConfirmProps) {
  const [isOpen, setOpen] = useState(false)
  const action = useAction(async () => {
    await perform()
    setOpen(false)
  })
  return (
    <>
      <button type="button" class="button button-small" aria-label={name} onClick={() => setOpen(true)}>
        {label}
      </button>
      {isOpen && (
        <Dialog title={question} onClose={() => setOpen(false)}>
          <div class="dialog-body">
            {children}
            {action.problem !== undefined && <Problem problem={action.problem} />}
          </div>
          <footer class="dialog-foot">
            <button type="button" class="button" onClick={() => setOpen(false)}>
              Cancel
            </button>
            <button
              type="button"
              class={isDanger ? 'button button-danger' : 'button button-primary'}
              disabled={action.isBusy}
              onClick={() => action.run()}
            >
              {label}
            </button>
          </footer>
        </Dialog>
      )}
    </>
  )
}
