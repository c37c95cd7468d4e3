// What the server tells once: a secret that was just made, with a button that copies it.
import { Copy } from './copy.tsx'

type ShownOnceProps = {
  /** Such as `Secret`. */
  title: string
  value: string
}

export function ShownOnce({ title, value }: ShownOnceProps) {
  return (
    <p>
      {title}, shown only now: <code>{value}</code>{' '}
      <Copy text={value} label={`Copy the ${title.toLowerCase()}`} />
    </p>
  )
}
