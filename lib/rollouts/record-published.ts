// Records an image that a forge reports as published, once, for the runtimes that use it. The pass over rollouts does
// the rest.
import type { Context } from '../config/context.ts'
import type { Store } from '../platform/context.ts'
import { sql } from 'drizzle-orm'
import { runtimeImages } from '../../drizzle/schema/index.ts'
import { appendEvent } from '../events/append-event.ts'
import { deleteInBatches } from '../platform/delete-in-batches.ts'
import { repositoryOf, tagOf } from '../machines/image-reference.ts'
import { type Runtime, RUNTIMES, runtimeImage } from '../machines/runtimes.ts'
import type { Published } from './published-image.ts'

export type Recorded =
  /** `isNew`: false where it was recorded before. */
  { runtimes: Runtime[]; image: string; isNew: boolean } | { ignored: string }

/** @param delivery the forge, and the id of its delivery */
export async function recordPublished(
  { config, db, now }: Context,
  published: Published,
  delivery: { source: string; id: string },
): Promise<Recorded> {
  const { digest, repository, tag, version } = published
  const named = RUNTIMES.filter(
    (runtime) => repositoryOf(runtimeImage(runtime, config.images)).toLowerCase() === repository,
  )
  if (named.length === 0) return { ignored: 'an image that is of no runtime here' }
  const runtimes = named.filter((runtime) => tagOf(runtimeImage(runtime, config.images)) === tag)
  if (runtimes.length === 0) return { ignored: 'a tag that no runtime uses here (RUNTIME_IMAGES)' }
  const image = digest === null ? `${repository}:${tag}` : `${repository}@${digest}`
  const at = now()
  // A repeated delivery, and another delivery about the same publication, find the row of the first.
  const recorded = db.$with('recorded', {}).as(
    sql`insert into ${runtimeImages} (id, runtime, image, digest, tag, version, source, delivery_id, seen_at)
      select gen_random_uuid(), runtime, ${image}, ${digest}::text, ${tag}, ${version}, ${delivery.source}, ${delivery.id}, ${at.toISOString()}::timestamptz
      from jsonb_array_elements_text(${JSON.stringify(runtimes)}::jsonb) as named(runtime)
      where not exists (select from ${runtimeImages}
        where ${runtimeImages.source} = ${delivery.source} and ${runtimeImages.deliveryId} = ${delivery.id})
      on conflict (runtime, version) do nothing
      returning runtime`,
  )
  const facts = { image, digest, tag, source: delivery.source, delivery_id: delivery.id }
  const logged = appendEvent(db, 'recorded', {
    event: 'image_published',
    now: at,
    payload: sql`${JSON.stringify(facts)}::jsonb || jsonb_build_object('runtime', runtime, 'by', ${`webhook:${delivery.source}`}::text)`,
  })
  const rows = await db
    .with(recorded, logged)
    .select({ runtime: sql<Runtime>`runtime` })
    .from(sql`recorded`)
  return { runtimes, image, isNew: rows.length > 0 }
}

/** A year: much longer than a forge repeats deliveries, so that an old delivery is not taken for a new one. */
const KEPT_DAYS = 365

/** Deletes old publications, but never the newest of a runtime. */
export async function deleteExpiredImages({ db, now }: Store): Promise<void> {
  const before = new Date(now().getTime() - KEPT_DAYS * 86_400_000).toISOString()
  await deleteInBatches((limit) => {
    const old = sql`select old.id from ${runtimeImages} old where old.seen_at < ${before}::timestamptz
      and exists (select from ${runtimeImages} newer where newer.runtime = old.runtime and newer.seq > old.seq) limit ${limit}`
    return db
      .delete(runtimeImages)
      .where(sql`${runtimeImages.id} in (${old})`)
      .returning({ id: runtimeImages.id })
  })
}
