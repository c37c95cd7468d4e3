// The events of one workspace: those that are stored, read once, and those that the stream brings after them.
import { useComputed } from '@preact/signals'
import type { Event } from '../../client/client.ts'
import { recentEvents } from '../fleet/store.ts'
import { currentClient } from '../session/session.ts'
import { type Resource, useResource } from '../ui/use-resource.ts'

/** @returns the events, the newest first; at most `most` */
export function useEvents(id: string, most: number): Resource<Event[]> {
  const stored = useResource(async () => {
    const all: Event[] = []
    for await (const event of currentClient().listEvents({ workspaceId: id })) {
      all.push(event)
      if (all.length > most) all.shift()
    }
    return all.toReversed()
  }, [id, most])
  const live = useComputed(() => recentEvents.value.filter(({ workspace_id }) => workspace_id === id))
  const newestStored = stored.value?.[0]?.seq ?? 0
  const value =
    stored.value && [...live.value.filter(({ seq }) => seq > newestStored), ...stored.value].slice(0, most)
  return { ...stored, value }
}
