// A long list of rows of the same height, of which only those in view are in the document. It is a table for assistive
// technology, with the number of all rows; the arrow keys move the focus from row to row.
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'

/** Rows above and below what is visible, so that scrolling shows no gaps. */
const MARGIN_ROWS = 8

/** What a row passes on to its element. */
export type RowAttributes = { key: string; 'aria-rowindex': number }

type VirtualListProps<Item> = {
  label: string
  items: readonly Item[]
  keyOf: (item: Item) => string
  rowHeight: number
  header: ComponentChildren
  columns: number
  renderRow: (item: Item, attributes: RowAttributes) => ComponentChildren
}

export function VirtualList<Item>(props: VirtualListProps<Item>) {
  const { columns, header, items, keyOf, label, renderRow, rowHeight } = props
  const scroller = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 800 })
  const wantedFocus = useRef<number | undefined>(undefined)

  useLayoutEffect(() => {
    const element = scroller.current
    if (element === null) return
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight })
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    element.addEventListener('scroll', measure, { passive: true })
    measure()
    return () => {
      observer.disconnect()
      element.removeEventListener('scroll', measure)
    }
  }, [])

  const first = Math.max(0, Math.floor(view.top / rowHeight) - MARGIN_ROWS)
  const last = Math.min(items.length, Math.ceil((view.top + view.height) / rowHeight) + MARGIN_ROWS)

  useEffect(() => {
    if (wantedFocus.current === undefined) return
    const link = scroller.current?.querySelector<HTMLElement>(
      `[aria-rowindex="${wantedFocus.current + 2}"] a`,
    )
    if (link == null) return
    wantedFocus.current = undefined
    link.focus({ preventScroll: true })
  })

  function move(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12 }[event.key]
    const row = (event.target as HTMLElement).closest('[aria-rowindex]')
    const element = scroller.current
    if (step === undefined || row === null || element === null || event.altKey || event.ctrlKey) return
    event.preventDefault()
    const at = Number(row.getAttribute('aria-rowindex')) - 2
    let next = Math.max(0, Math.min(items.length - 1, at + step))
    // A row without a link, such as the title of a group, cannot have the focus.
    const isGroup = (index: number) => keyOf(items[index] as Item).startsWith('group ')
    while (next > 0 && next < items.length - 1 && isGroup(next)) next += Math.sign(step)
    if (isGroup(next)) return
    wantedFocus.current = next
    const top = next * rowHeight
    if (top < element.scrollTop) element.scrollTop = top
    else if (top + rowHeight * 2 > element.scrollTop + element.clientHeight)
      element.scrollTop = top + rowHeight * 2 - element.clientHeight
    setView({ top: element.scrollTop, height: element.clientHeight })
  }

  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- The arrow keys move between the links in the rows.
    <div
      class="list"
      role="table"
      aria-label={label}
      aria-rowcount={items.length + 1}
      aria-colcount={columns}
      onKeyDown={move}
    >
      <div role="rowgroup" class="list-head">
        {header}
      </div>
      <div
        role="rowgroup"
        class="list-body"
        ref={scroller}
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- A region that scrolls must be reachable by keyboard.
        tabIndex={0}
        aria-label={`${label}, rows`}
      >
        <Spacer height={first * rowHeight} />
        {items
          .slice(first, last)
          .map((item, index) => renderRow(item, { key: keyOf(item), 'aria-rowindex': first + index + 2 }))}
        <Spacer height={(items.length - last) * rowHeight} />
      </div>
    </div>
  )
}

/** Takes the place of rows that are not in the document. */
const Spacer = ({ height }: { height: number }) => (
  <div role="presentation" style={{ height: `${height}px` }} />
)
