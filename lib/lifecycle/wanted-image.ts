// Which image a workspace is to run: its own; or that of a rollout that has reached it; or the runtime's after its
// last rollout; or the configured one. Read whenever a machine is created or updated.
import { type SQL, sql } from 'drizzle-orm'
import { rollouts, rolloutWorkspaces, runtimeDefaults, workspaces } from '../../drizzle/schema/index.ts'
import { type ImagePolicy, type Runtime, runtimeImage } from '../machines/runtimes.ts'

/** The runtime's image for a row of `workspaces`; null: none is stored, and the configured one applies. */
export const rolledImage: SQL<string | null> = sql`coalesce(
  (select ${rollouts.image} from ${rolloutWorkspaces} join ${rollouts} on ${rollouts.id} = ${rolloutWorkspaces.rolloutId}
    where ${rolloutWorkspaces.workspaceId} = ${workspaces.id} and ${rollouts.runtime} = ${workspaces.runtime}
      and ${rollouts.state} in ('running', 'halted')),
  (select ${runtimeDefaults.image} from ${runtimeDefaults} where ${runtimeDefaults.runtime} = ${workspaces.runtime}))`

/**
 * The name of the image, with its tag or digest, that a launch gives to the machine now.
 * @param rolled see {@link rolledImage}
 */
export const wantedImage = (
  { image, runtime }: { image: string | null; runtime: Runtime },
  rolled: string | null,
  policy: ImagePolicy,
): string => image ?? rolled ?? runtimeImage(runtime, policy)

/**
 * Whether a workspace's machine has, or may have, another image than this one. A provider may show another digest
 * than the requested one, that of the platform's manifest; either counts. A tag may have moved since it was
 * requested.
 */
export const hasAnotherImage = (image: SQL | string): SQL =>
  sql`(${workspaces.machineImage} is distinct from ${image}
    and (${workspaces.launchImage} is distinct from ${image} or ${image} not like '%@%'))`

/**
 * The generation of a workspace that is started again: a new one where the runtime's image has changed while it
 * slept, so that its machine gets that image. Images without a digest cannot be compared with what a machine runs.
 */
export const generationAtStart: SQL = sql`${workspaces.generation} + case
  when ${workspaces.image} is null and ${workspaces.machineImage} like '%@%' and ${rolledImage} like '%@%'
    and ${hasAnotherImage(rolledImage)} then 1 else 0 end`
