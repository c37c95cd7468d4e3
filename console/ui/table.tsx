// A table with a heading for each column, which scrolls by itself where the page is narrow. An empty heading stands over the
// buttons of a row, and only screen readers say it.
import type { ComponentChildren } from 'preact'

/** @param children the rows */
export function Table({ columns, children }: { columns: readonly string[]; children: ComponentChildren }) {
  return (
    <div class="table-scroll">
      <table class="table">
        <thead>
          <tr>
            {columns.map((name) => (
              <th scope="col" key={name}>
                {name === '' ? <span class="visually-hidden">Actions</span> : name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  )
}
