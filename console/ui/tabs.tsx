// Links to the parts of a view, of which one is shown. Where the row is wider than the page, that one is scrolled into it.
import { useEffect, useRef } from 'preact/hooks'

type TabsProps<Name extends string> = {
  /** Such as `Parts of the workspace`. */
  label: string
  names: readonly Name[]
  titles: Readonly<Record<Name, string>>
  current: Name
  linkTo: (name: Name) => string
}

export function Tabs<Name extends string>({ current, label, linkTo, names, titles }: TabsProps<Name>) {
  const nav = useRef<HTMLElement>(null)
  useEffect(() => {
    nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [current])
  return (
    <nav ref={nav} class="tabs" aria-label={label}>
      {names.map((name) => (
        <a key={name} href={linkTo(name)} aria-current={name === current ? 'page' : undefined}>
          {titles[name]}
        </a>
      ))}
    </nav>
  )
}
