// The shares of a whole as a bar in colours, with the same in words.

export type Share = {
  /** Such as `ready`. */
  name: string
  count: number
  /** The status whose colour it has. */
  status: string
}

export function ShareBar({ shares }: { shares: readonly Share[] }) {
  const present = shares.filter(({ count }) => count > 0)
  const text = present.map(({ count, name }) => `${count} ${name}`).join(', ')
  return (
    <div class="share" role="img" aria-label={text} title={text}>
      {present.map(({ count, name, status }) => (
        <span key={name} class={`share-part status-${status}`} style={{ flexGrow: String(count) }} />
      ))}
    </div>
  )
}
