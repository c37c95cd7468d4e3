// Which image a workspace is to run: its own; or, where a rollout has reached it, that one's; or what the last rollout made the
// runtime's; or what is configured. Asked when a machine is made or changed, so that every road to a machine has one answer.
import { eq, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { rollouts, rolloutWorkspaces, runtimeDefaults, workspaces } from '../../drizzle/schema/index.ts'
import { type ImagePolicy, type Runtime, runtimeImage } from '../machines/runtimes.ts'

/** The runtime's image for one workspace, beside a row of `workspaces`; null: nothing is stored, and the configured one counts. */
const rolledImage: SQL<string | null> = sql`coalesce(
  (select ${rollouts.image} from ${rolloutWorkspaces} join ${rollouts} on ${rollouts.id} = ${rolloutWorkspaces.rolloutId}
    where ${rolloutWorkspaces.workspaceId} = ${workspaces.id} and ${rollouts.runtime} = ${workspaces.runtime}
      and ${rollouts.state} in ('running', 'halted')),
  (select ${runtimeDefaults.image} from ${runtimeDefaults} where ${runtimeDefaults.runtime} = ${workspaces.runtime}))`

export async function wantedImage(
  db: Database,
  workspace: { id: string; image: string | null; runtime: Runtime },
  policy: ImagePolicy,
): Promise<string> {
  if (workspace.image !== null) return workspace.image
  const [row] = await db
    // Wrapped: drizzle takes the table's name off columns that are named in a selection itself.
    .select({ image: sql<string | null>`${rolledImage}` })
    .from(workspaces)
    .where(eq(workspaces.id, workspace.id))
  return row?.image ?? runtimeImage(workspace.runtime, policy)
}

/**
 * Whether a workspace's machine has, or may have, another image than this one. A backend may show an image under another digest
 * than it was asked for by, that of its platform's part; so the machine has either. A tag may have moved since it was asked for.
 */
export const hasAnotherImage = (image: SQL | string): SQL =>
  sql`(${workspaces.machineImage} is distinct from ${image}
    and (${workspaces.launchImage} is distinct from ${image} or ${image} not like '%@%'))`

/**
 * The generation of a workspace that is started again: a new one where the runtime's image has changed while it was asleep, so
 * that its machine is given that one. Images without a digest cannot be compared with what a machine runs.
 */
export const generationAtStart: SQL = sql`${workspaces.generation} + case
  when ${workspaces.image} is null and ${workspaces.machineImage} like '%@%' and ${rolledImage} like '%@%'
    and ${hasAnotherImage(rolledImage)} then 1 else 0 end`
