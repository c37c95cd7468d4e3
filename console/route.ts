// Where the user is: the part of the address behind `#`, which is never sent to a server. A view and its filters are in it, so
// that a reload, the back button and a copied address show the same.
import { signal } from '@preact/signals'

export const WORKSPACE_TABS = [
  'overview',
  'chat',
  'events',
  'activity',
  'messages',
  'delegations',
  'logs',
  'command',
  'files',
  'disk',
  'secrets',
  'hooks',
  'schedules',
  'tokens',
] as const
export type WorkspaceTab = (typeof WORKSPACE_TABS)[number]

export type Route = { query: URLSearchParams } & (
  | { view: 'fleet' }
  | { view: 'workspace'; id: string; tab: WorkspaceTab }
  | { view: 'create' }
  | { view: 'events' }
  | { view: 'operations' }
  | { view: 'unknown' }
)

/** @param hash such as `#/workspaces/ID/logs?q=error` */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?')
  const query = new URLSearchParams(search)
  const [first = '', second = '', third = 'overview'] = path.split('/').map(decode)
  switch (first) {
    case '':
      return { view: 'fleet', query }
    case 'new':
      return { view: 'create', query }
    case 'events':
      return { view: 'events', query }
    case 'operations':
      return { view: 'operations', query }
    case 'workspaces': {
      const tab = WORKSPACE_TABS.find((name) => name === third)
      if (second !== '' && tab !== undefined) return { view: 'workspace', id: second, tab, query }
      return { view: 'unknown', query }
    }
    default:
      return { view: 'unknown', query }
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export const route = signal(parseRoute(location.hash))
addEventListener('hashchange', () => (route.value = parseRoute(location.hash)))

export const linkToWorkspace = (id: string, tab: WorkspaceTab = 'overview') =>
  `#/workspaces/${encodeURIComponent(id)}${tab === 'overview' ? '' : `/${tab}`}`

export function navigate(hash: string): void {
  location.hash = hash
}

/** Changes parameters of the address without an entry in the history. An empty value removes one. */
export function setQuery(changes: Record<string, string>): void {
  const query = new URLSearchParams(route.value.query)
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') query.delete(name)
    else query.set(name, value)
  }
  const [path = '#/'] = location.hash === '' ? ['#/'] : location.hash.split('?')
  const search = query.toString()
  history.replaceState(null, '', search === '' ? path : `${path}?${search}`)
  route.value = parseRoute(location.hash)
}
