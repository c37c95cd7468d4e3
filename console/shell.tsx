// The frame of every view: the navigation, whether the page is current, the theme, and who is signed in.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { route } from './route.ts'
import { connection } from './session/connection.ts'
import { mayAll, session, signOut } from './session/session.ts'
import { now } from './ui/clock.ts'
import { duration } from './ui/format.ts'
import { Icon } from './ui/icons.tsx'
import { theme, THEMES } from './ui/theme.ts'

export function Shell({ children }: { children: ComponentChildren }) {
  useFocusOnChange()
  return (
    <div class="shell">
      <a class="skip" href="#content" onClick={skipToContent}>
        Skip to the content
      </a>
      <header class="bar">
        <a class="brand" href="#/">
          <img src="/console/icon.svg" width="22" height="22" alt="" />
          <span>Workspaces</span>
        </a>
        <nav class="nav" aria-label="Main">
          <NavLink href="#/" view="fleet" label="Fleet" />
          <NavLink href="#/events" view="events" label="Events" />
          <NavLink href="#/operations" view="operations" label="Operations" />
        </nav>
        <span class="bar-space" />
        <ConnectionState />
        <ThemeButton />
        <Account />
        {mayAll('operate') && (
          <a class="button button-primary" href="#/new" aria-label="New workspace">
            <Icon name="add" />
            <span class="wide-only">New workspace</span>
          </a>
        )}
      </header>
      <Stale />
      <div id="content" class="content">
        {children}
      </div>
    </div>
  )
}

function skipToContent(event: MouseEvent): void {
  event.preventDefault()
  document.querySelector<HTMLElement>('main h1')?.focus()
}

/** A new view gets the focus at its heading, so that a screen reader begins to read there. */
function useFocusOnChange(): void {
  const current = route.value
  const view = current.view === 'workspace' ? `workspace ${current.id}` : current.view
  const before = useRef(view)
  useEffect(() => {
    if (before.current === view) return
    before.current = view
    document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true })
  }, [view])
}

function NavLink({ href, label, view }: { href: string; label: string; view: string }) {
  const isHere = route.value.view === view || (view === 'fleet' && route.value.view === 'workspace')
  return (
    <a class="nav-link" href={href} aria-current={isHere ? 'page' : undefined}>
      {label}
    </a>
  )
}

function ConnectionState() {
  const { state } = connection.value
  const text = { connecting: 'Connecting', live: 'Live', lost: 'Disconnected' }[state]
  return (
    <span class={`connection connection-${state}`} role="status">
      <span class="connection-mark" aria-hidden="true" />
      {text}
    </span>
  )
}

/** Nothing old is shown as if it were fresh. */
function Stale() {
  const current = connection.value
  if (current.state !== 'lost') return null
  return (
    <div class="stale" role="alert">
      <Icon name="warning" /> The connection to the server is lost, so what you see is at least{' '}
      {duration(Math.max(0, now.value - current.since))} old. The console reconnects by itself.
    </div>
  )
}

function ThemeButton() {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system'
  return (
    <button
      type="button"
      class="button-icon"
      aria-label={`Theme: ${theme.value}. Change to ${next}`}
      title={`Theme: ${theme.value}`}
      onClick={() => (theme.value = next)}
    >
      <Icon name={theme.value === 'dark' ? 'moon' : 'sun'} />
    </button>
  )
}

function Account() {
  if (session.value.state !== 'signed_in') return null
  const { hasToken, me } = session.value
  const name = me.kind === 'token' ? (me.name ?? 'API token') : hasToken ? 'ADMIN_TOKEN' : 'This computer'
  const scope = me.scopes.at(-1) ?? 'none'
  return (
    <details class="menu">
      <summary class="account">
        <span class="visually-hidden">Signed in as</span>
        <span class="account-name">{name}</span>
        <span class="tag">{scope}</span>
      </summary>
      <div class="menu-body">
        <p>
          <strong>{name}</strong>
        </p>
        <p class="muted">
          May: {me.scopes.join(', ')}.{' '}
          {me.workspaces === null ? 'All workspaces.' : `${me.workspaces.length} workspaces.`}
        </p>
        {!hasToken && <p class="muted">The server is open to programs on its computer, without a token.</p>}
        <p>
          <a href="/docs">API reference</a>
        </p>
        {hasToken && (
          <button type="button" class="button button-block" onClick={() => signOut()}>
            Sign out
          </button>
        )}
      </div>
    </details>
  )
}
