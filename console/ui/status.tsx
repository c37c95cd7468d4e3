// The status of a workspace as a coloured mark with its word. The word is always there: colour alone says nothing.

export function Status({ status }: { status: string }) {
  return (
    <span class={`status status-${status}`}>
      <span class="status-mark" aria-hidden="true" />
      {status}
    </span>
  )
}
