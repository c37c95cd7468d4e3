// Slugs: names that people give to workspaces to use in place of ids. A slug is unique among workspaces that are not
// removed, and never has the form of an id.
import { and, eq, inArray, ne } from 'drizzle-orm'
import { z } from 'zod'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { workspaces } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { isUuid } from '../platform/uuid.ts'

const SLUG = /^[a-z][a-z0-9-]{0,61}[a-z0-9]$/

/** Whether a text has the form of a slug. Slugs are lower case. */
export const isSlug = (text: string): boolean => SLUG.test(text) && !isUuid(text)

export const SlugInput = z
  .string()
  .regex(SLUG, 'must be 2 to 63 lower-case letters, digits and dashes, beginning with a letter')
  .refine((slug) => !isUuid(slug), 'must not have the form of an id')

/** The ids of the workspaces that have these slugs; a slug that none has is missing. */
export async function findIdsOfSlugs(
  db: Database,
  slugs: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await db
    .select({ id: workspaces.id, slug: workspaces.slug })
    .from(workspaces)
    .where(and(inArray(workspaces.slug, [...slugs]), ne(workspaces.status, 'removed')))
  return new Map(rows.map(({ id, slug }) => [slug ?? '', id]))
}

const slugStatement = prepared((db, valueOf: ValueOf<{ slug: string }>) =>
  db
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(eq(workspaces.slug, valueOf('slug')), ne(workspaces.status, 'removed'))),
)

/** @returns the id; undefined for a text that is the slug of no workspace */
export const findIdOfSlug = async (db: Database, text: string): Promise<string | undefined> =>
  isSlug(text) ? (await slugStatement(db, { slug: text }))[0]?.id : undefined

export const slugTaken = (slug: string | null) =>
  new DomainError('conflict', `slug: '${slug}' is taken by another workspace`, {
    errors: [{ field: 'slug', message: 'is taken by another workspace' }],
  })
