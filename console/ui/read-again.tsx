// When a list was read that no event keeps current, and a button that reads it again: nothing old is shown as if it were fresh.
import { Time } from './time.tsx'
import type { Resource } from './use-resource.ts'

export function ReadAgain({ resource }: { resource: Resource<unknown> }) {
  return (
    <span class="muted">
      {resource.readAt !== undefined && (
        <>
          Read <Time at={resource.readAt} />{' '}
        </>
      )}
      <button
        type="button"
        class="button button-small"
        disabled={resource.isLoading}
        onClick={resource.reload}
      >
        Read again
      </button>
    </span>
  )
}
