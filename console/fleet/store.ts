// The workspaces that the page knows, and listeners for events. What arrives within a tenth of a second becomes one change, so
// that a busy fleet does not draw the page for each event.
import { computed, signal } from '@preact/signals'
import type { Event, Workspace } from '../../client/client.ts'

const BATCH_MS = 100

export const workspaces = signal<ReadonlyMap<string, Workspace>>(new Map())

/** What of the list was read: nothing yet, its beginning, or all of it at least once. */
export const loaded = signal<'nothing' | 'beginning' | 'all'>('nothing')
export const isLoaded = computed(() => loaded.value !== 'nothing')

/** The newest events that came over the stream, the newest first. */
export const recentEvents = signal<readonly Event[]>([])
const RECENT = 500

export const childrenByParent = computed(() => {
  const children = new Map<string, string[]>()
  for (const { id, parent_id: parent } of workspaces.value.values()) {
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), id])
  }
  return children
})

/** The ids of all workspaces below this one. */
export function descendantsOf(id: string): string[] {
  return (childrenByParent.value.get(id) ?? []).flatMap((child) => [child, ...descendantsOf(child)])
}

let changes = new Map<string, Workspace | undefined>()
let events: Event[] = []
let timer: ReturnType<typeof setTimeout> | undefined

/** Replaces the whole list, or shows its beginning until all of it has been read. */
export function setWorkspaces(list: readonly Workspace[], part: 'beginning' | 'all'): void {
  changes = new Map()
  workspaces.value = new Map(list.map((workspace) => [workspace.id, workspace]))
  loaded.value = part
}

/** @param workspace undefined removes it */
export function putWorkspace(id: string, workspace: Workspace | undefined): void {
  changes.set(id, workspace?.status === 'removed' ? undefined : workspace)
  schedule()
}

/** What is known of a workspace, with changes that are not drawn yet. */
export const findWorkspace = (id: string): Workspace | undefined =>
  changes.has(id) ? changes.get(id) : workspaces.value.get(id)

export function addEvent(event: Event): void {
  events.push(event)
  schedule()
}

export function forgetAll(): void {
  changes = new Map()
  events = []
  workspaces.value = new Map()
  recentEvents.value = []
  loaded.value = 'nothing'
}

function schedule(): void {
  timer ??= setTimeout(draw, BATCH_MS)
}

function draw(): void {
  timer = undefined
  if (changes.size > 0) {
    const next = new Map(workspaces.value)
    for (const [id, workspace] of changes) {
      if (workspace === undefined) next.delete(id)
      else next.set(id, workspace)
    }
    changes = new Map()
    workspaces.value = next
  }
  if (events.length > 0) {
    recentEvents.value = [...events.toReversed(), ...recentEvents.value].slice(0, RECENT)
    events = []
  }
}
