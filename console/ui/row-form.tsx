// A short form above a list, in one row where the page is wide: what is entered is sent, and then the form is empty again.
import type { ComponentChildren } from 'preact'
import { formText } from './form-text.ts'
import { Problem } from './problem.tsx'
import { useAction } from './use-action.ts'

type RowFormProps = {
  /** The word on its button. */
  label: string
  /** @param text the text of a field, without spaces around it */
  submit: (text: (name: string) => string) => Promise<void>
  children: ComponentChildren
}

export function RowForm({ children, label, submit }: RowFormProps) {
  const action = useAction(async (form: HTMLFormElement) => {
    const entered = new FormData(form)
    await submit((name) => formText(entered, name))
    form.reset()
  })
  return (
    <form
      class="row-form"
      onSubmit={(event) => {
        event.preventDefault()
        action.run(event.currentTarget)
      }}
    >
      {children}
      <button type="submit" class="button" disabled={action.isBusy}>
        {label}
      </button>
      {action.problem !== undefined && <Problem problem={action.problem} />}
    </form>
  )
}

type FieldProps = { label: string; isWide?: boolean; children: ComponentChildren }

/** @param children the input, which the label names */
export function Field({ children, isWide = false, label }: FieldProps) {
  return (
    // oxlint-disable-next-line jsx-a11y/label-has-associated-control -- The input is among the children.
    <label class={isWide ? 'field field-wide' : 'field'}>
      <span class="field-label">{label}</span>
      {children}
    </label>
  )
}
