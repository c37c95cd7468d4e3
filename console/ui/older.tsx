// Older rows below those of the newest page, which a button reads page by page.
import { useState } from 'preact/hooks'
import { Problem } from './problem.tsx'
import { type Action, useAction } from './use-action.ts'

export type Page<Row> = {
  rows: readonly Row[]
  /** Undefined for the last page. */
  readNext: (() => Promise<Page<Row>>) | undefined
}

export type Older<Row> = {
  /** All that were read; undefined before the first page is there. */
  rows: readonly Row[] | undefined
  hasMore: boolean
  read: Action<[]>
}

/** @param key older rows are shown while it stays the same */
export function useOlder<Row>(key: string, newest: Page<Row> | undefined): Older<Row> {
  const [older, setOlder] = useState<{ key: string; page: Page<Row> }>()
  const below = older?.key === key ? older.page : undefined
  const last = below ?? newest
  const read = useAction(async () => {
    const page = await last?.readNext?.()
    if (page !== undefined) setOlder({ key, page: { ...page, rows: [...(below?.rows ?? []), ...page.rows] } })
  })
  return {
    rows: newest && [...newest.rows, ...(below?.rows ?? [])],
    hasMore: last?.readNext !== undefined,
    read,
  }
}

/** @param title of the button */
export function OlderButton<Row>({ older: { hasMore, read }, title }: { older: Older<Row>; title: string }) {
  return (
    <>
      {read.problem !== undefined && <Problem problem={read.problem} />}
      {hasMore && (
        <p>
          <button type="button" class="button" disabled={read.isBusy} onClick={() => read.run()}>
            {title}
          </button>
        </p>
      )}
    </>
  )
}
