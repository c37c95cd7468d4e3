// The status of a workspace as a coloured mark with its word. The word is always there: colour alone says nothing.

/** @param word in place of the status, for states of other things that have its colour */
export function Status({ status, word = status }: { status: string; word?: string }) {
  return (
    <span class={`status status-${status}`}>
      <span class="status-mark" aria-hidden="true" />
      {word}
    </span>
  )
}
