// Which workspaces the list shows, in which order and in which groups. Pure: from the workspaces and the query of the address to
// the rows of the table.
import type { Workspace } from '../../client/client.ts'

export const STATUSES = [
  'failed',
  'offline',
  'degraded',
  'provisioning',
  'ready',
  'hibernated',
  'paused',
] as const
export type Status = (typeof STATUSES)[number]

export const SORTS = ['status', 'name', 'runtime', 'region', 'cost', 'age', 'activity'] as const
export type Sort = (typeof SORTS)[number]

export type Selection = {
  text: string
  statuses: readonly string[]
  /** `''`, `tree`, `status`, `region`, `runtime` or `label:KEY`. */
  group: string
  sort: Sort
  isReversed: boolean
}

export type Row =
  | { kind: 'group'; key: string; title: string; count: number }
  | { kind: 'workspace'; workspace: Workspace; depth: number }

export function readSelection(query: URLSearchParams): Selection {
  const sort = query.get('sort') ?? ''
  const name = sort.replace(/^-/, '')
  return {
    text: query.get('q') ?? '',
    statuses: (query.get('status') ?? '').split(',').filter((status) => status !== ''),
    group: query.get('group') ?? '',
    sort: SORTS.find((known) => known === name) ?? 'status',
    isReversed: sort.startsWith('-'),
  }
}

/** Whether every word occurs in the name, the id, the runtime, a label, the reason or another text of the row. */
export function matchesText(workspace: Workspace, text: string): boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return true
  const { id, labels, machine_id, name, reason, region, role, runtime, status } = workspace
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  const haystack = [
    name,
    id,
    runtime,
    region,
    status,
    role,
    machine_id,
    reason?.code,
    reason?.message,
    ...pairs,
  ]
    .join('\n')
    .toLowerCase()
  return words.every((word) => haystack.includes(word))
}

/** @param costs in dollars a month, by the id of the workspace */
export function selectRows(
  all: Iterable<Workspace>,
  selection: Selection,
  costs: ReadonlyMap<string, number>,
): Row[] {
  const { group, statuses, text } = selection
  const chosen = [...all]
    .filter(({ status }) => statuses.length === 0 || statuses.includes(status))
    .filter((workspace) => matchesText(workspace, text))
    .toSorted(comparison(selection, costs))
  if (group === '') return chosen.map((workspace) => ({ kind: 'workspace', workspace, depth: 0 }))
  if (group === 'tree') return treeOf(chosen)
  const groups = Map.groupBy(chosen, (workspace) => groupOf(workspace, group))
  return [...groups]
    .toSorted(([a], [b]) => compareTexts(a, b))
    .flatMap(([title, members]): Row[] => [
      { kind: 'group', key: title, title, count: members.length },
      ...members.map((workspace): Row => ({ kind: 'workspace', workspace, depth: 0 })),
    ])
}

/** An agent that runs elsewhere is in no region. */
const placeOf = ({ machine_region, region }: Workspace): string => machine_region ?? region ?? ''

function groupOf(workspace: Workspace, group: string): string {
  if (group === 'region') return placeOf(workspace) || 'no region'
  if (group === 'runtime') return workspace.runtime
  if (group === 'status') return workspace.status
  return workspace.labels[group.replace(/^label:/, '')] ?? 'without this label'
}

/** Parents before their children, which are indented. A parent that is not chosen leaves its children at the top. */
function treeOf(chosen: readonly Workspace[]): Row[] {
  const present = new Set(chosen.map(({ id }) => id))
  const parentOf = ({ parent_id: parent }: Workspace) =>
    parent !== null && present.has(parent) ? parent : ''
  const byParent = Map.groupBy(chosen, parentOf)
  const below = (parent: string, depth: number): Row[] =>
    (byParent.get(parent) ?? []).flatMap((workspace): Row[] => [
      { kind: 'workspace', workspace, depth },
      ...below(workspace.id, depth + 1),
    ])
  return below('', 0)
}

function comparison(
  { isReversed, sort }: Selection,
  costs: ReadonlyMap<string, number>,
): (a: Workspace, b: Workspace) => number {
  const compare = COMPARISONS[sort](costs)
  const sign = isReversed ? -1 : 1
  return (a, b) => sign * compare(a, b) || compareTexts(a.name, b.name) || compareTexts(a.id, b.id)
}

type Comparison = (a: Workspace, b: Workspace) => number

const COMPARISONS: Record<Sort, (costs: ReadonlyMap<string, number>) => Comparison> = {
  // What needs attention comes first.
  status: () => (a, b) => severity(a) - severity(b),
  name: () => (a, b) => compareTexts(a.name, b.name),
  runtime: () => (a, b) => compareTexts(a.runtime, b.runtime) || (a.tier ?? 0) - (b.tier ?? 0),
  region: () => (a, b) => compareTexts(placeOf(a), placeOf(b)),
  cost: (costs) => (a, b) => (costs.get(b.id) ?? 0) - (costs.get(a.id) ?? 0),
  age: () => (a, b) => compareTexts(b.created_at, a.created_at),
  activity: () => (a, b) => compareTexts(b.last_active_at ?? '', a.last_active_at ?? ''),
}

const severity = ({ status }: Workspace) => STATUSES.indexOf(status as Status)

const compareTexts = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
