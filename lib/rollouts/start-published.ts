// The policy `auto`: the newest published image of a runtime is rolled out automatically, once, when no other rollout
// of the runtime is active. Webhooks only record publications; every pass looks for them, so a process that ends in
// between loses nothing.
import type { Context } from '../config/context.ts'
import { and, eq, inArray, sql } from 'drizzle-orm'
import { rollouts, runtimeDefaults, runtimeImages } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { ACTIVE } from './rollout.ts'
import { startRollout } from './start-rollout.ts'

export async function startPublished(services: Context): Promise<void> {
  const { config, db } = services
  const { auto } = config.rollouts
  if (auto.length === 0) return
  const newest = db
    .selectDistinctOn([runtimeImages.runtime])
    .from(runtimeImages)
    .where(inArray(runtimeImages.runtime, [...auto]))
    .orderBy(runtimeImages.runtime, sql`${runtimeImages.seq} desc`)
    .as('newest')
  const due = await db
    .select({ id: newest.id, runtime: newest.runtime, image: newest.image, source: newest.source })
    .from(newest)
    .where(
      and(
        sql`not exists (select from ${rollouts} where ${rollouts.runtime} = ${newest.runtime}
          and (${rollouts.state} in ${ACTIVE} or ${rollouts.publicationId} = ${newest.id}
            or (${rollouts.image} = ${newest.image} and ${newest.digest} is not null)))`,
        sql`not exists (select from ${runtimeDefaults} where ${eq(runtimeDefaults.runtime, newest.runtime)}
          and ${runtimeDefaults.image} = ${newest.image} and ${newest.digest} is not null)`,
      ),
    )
  for (const { id, image, runtime, source } of due) {
    try {
      await startRollout({ ...services, by: `webhook:${source}` }, { runtime, image }, id)
    } catch (error) {
      // Another pass was first, or the image is no longer allowed.
      if (!(error instanceof DomainError)) throw error
      services.log('warn', 'a published image was not rolled out', { runtime, image, detail: error.message })
    }
  }
}
