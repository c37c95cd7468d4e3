// A number that changes when an event of a workspace arrives, so that what is shown of it is read again.
import { useComputed } from '@preact/signals'
import { recentEvents } from '../fleet/store.ts'

/** @returns the number of the newest event of the workspace, of all types or those that match; 0 for none yet */
export function useNewestEvent(id: string, types?: RegExp): number {
  const newest = useComputed(
    () =>
      recentEvents.value.find(({ type, workspace_id }) => workspace_id === id && (types?.test(type) ?? true))
        ?.seq ?? 0,
  )
  return newest.value
}
