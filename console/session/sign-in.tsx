// Signing in: a token is pasted, checked with GET /me, and kept in this tab.
import { useState } from 'preact/hooks'
import { formText } from '../ui/form-text.ts'
import { Icon } from '../ui/icons.tsx'
import { signIn } from './session.ts'

export function SignIn({ problem: earlier }: { problem: string | undefined }) {
  const [problem, setProblem] = useState(earlier)
  const [isBusy, setBusy] = useState(false)
  const [isShown, setShown] = useState(false)

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    const token = formText(form, 'token')
    if (token === '') return setProblem('Paste a token.')
    setBusy(true)
    setProblem(await signIn(token, form.get('keep') === 'on'))
    setBusy(false)
  }

  return (
    <main class="sign-in">
      <form class="sign-in-card" onSubmit={(event) => void submit(event)}>
        <img src="/console/icon.svg" width="36" height="36" alt="" />
        <h1>Sign in to {location.host}</h1>
        <p class="muted">
          Paste <code>ADMIN_TOKEN</code> or an API token (<code>mol_…</code>). A token with the scope{' '}
          <code>read</code> can look at everything and change nothing.
        </p>
        {problem !== undefined && (
          <div class="notice notice-bad" role="alert">
            <p>
              <Icon name="warning" /> {problem}
            </p>
          </div>
        )}
        <label class="field">
          <span class="field-label">Token</span>
          <input
            {...(isShown ? { type: 'text' } : { type: 'password' })}
            name="token"
            autocomplete="off"
            spellcheck={false}
            // oxlint-disable-next-line jsx-a11y/no-autofocus -- It is the only field of the page.
            autofocus
          />
        </label>
        <label class="check">
          <input type="checkbox" checked={isShown} onChange={() => setShown(!isShown)} /> Show the token
        </label>
        <label class="check">
          <input name="keep" type="checkbox" defaultChecked /> Stay signed in until this tab is closed
        </label>
        <button type="submit" class="button button-primary button-block" disabled={isBusy}>
          {isBusy ? 'Checking…' : 'Sign in'}
        </button>
        <p class="muted">
          <small>
            The token stays in this browser tab. It is sent to {location.host} only, and is never part of an
            address. <a href="/docs">API reference</a>
          </small>
        </p>
      </form>
    </main>
  )
}
