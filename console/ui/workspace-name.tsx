// A workspace by its name, as a link to it. One that is not in the list, such as a removed one, is shown by its id.
import { workspaces } from '../fleet/store.ts'
import { linkToWorkspace } from '../route.ts'

/** @param id null: there is none */
export function WorkspaceName({ id }: { id: string | null }) {
  if (id === null) return <span class="muted">none</span>
  return <a href={linkToWorkspace(id)}>{workspaces.value.get(id)?.name ?? id}</a>
}
