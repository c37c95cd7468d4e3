// A workspace by its id, its slug, its name, or the beginning of its id.
import type { Client, Workspace } from '../client/client.ts'
import { ApiProblem } from '../client/problem.ts'
import { UsageError } from './context.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const SLUG = /^[a-z][a-z0-9-]{0,61}[a-z0-9]$/

/** The argument of commands on one workspace, for commander. */
export const WORKSPACE_ARGUMENT = ['<workspace>', 'slug, name, id or beginning of an id'] as const

/** @throws UsageError when none or several workspaces match */
export async function findWorkspace(client: Client, reference: string): Promise<Workspace> {
  if (UUID.test(reference)) return client.getWorkspace(reference)
  const addressed = SLUG.test(reference) ? await findBySlug(client, reference) : undefined
  if (addressed !== undefined) return addressed
  const named = await all(client, { name: reference })
  // Only what may begin an id is worth a look at all workspaces.
  const found =
    named.length > 0 || !/^[0-9a-f-]+$/i.test(reference)
      ? named
      : (await all(client, {})).filter(({ id }) => id.startsWith(reference.toLowerCase()))
  const [only] = found
  if (only === undefined)
    throw new UsageError(
      `no workspace has the slug or name '${reference}', and no id begins with it: see 'molecule-fly ls'`,
    )
  if (found.length > 1) {
    const ids = found.slice(0, 5).map(({ id, name }) => `${id} (${name})`)
    throw new UsageError(`'${reference}' fits ${found.length} workspaces; use an id: ${ids.join(', ')}`)
  }
  return only
}

async function findBySlug(client: Client, slug: string): Promise<Workspace | undefined> {
  try {
    return await client.getWorkspace(slug)
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) return undefined
    throw error
  }
}

async function all(client: Client, query: { name?: string }): Promise<Workspace[]> {
  const found: Workspace[] = []
  for await (const workspace of client.listWorkspaces({ ...query, limit: 1000 })) found.push(workspace)
  return found
}

export const findWorkspaceId = async (client: Client, reference: string): Promise<string> =>
  (await findWorkspace(client, reference)).id

export const findWorkspaceIds = (client: Client, references: readonly string[]): Promise<string[]> =>
  Promise.all(references.map((reference) => findWorkspaceId(client, reference)))
