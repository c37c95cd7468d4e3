// A table of what was read from the API: why it could not be read, what it says when there is nothing, or its rows.
import type { ComponentChildren } from 'preact'
import { Empty } from './empty.tsx'
import { Problem } from './problem.tsx'
import { Table } from './table.tsx'
import type { Resource } from './use-resource.ts'

type ResourceTableProps<Row> = {
  resource: Resource<readonly Row[]>
  /** The sentence in place of an empty table. */
  empty: string
  columns: readonly string[]
  renderRow: (row: Row) => ComponentChildren
}

export function ResourceTable<Row>({ columns, empty, renderRow, resource }: ResourceTableProps<Row>) {
  const { problem, reload, value } = resource
  return (
    <>
      {problem !== undefined && <Problem problem={problem} onRetry={reload} />}
      {value?.length === 0 && <Empty title={empty} />}
      {value !== undefined && value.length > 0 && <Table columns={columns}>{value.map(renderRow)}</Table>}
    </>
  )
}
