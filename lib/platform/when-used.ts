// Schemas of bodies that few requests have. To make a schema takes longer than to read a body with it, and a Worker starts often: made
// at each start, all of them took a third of its time.
import { z } from 'zod'

/**
 * A schema that a Worker makes for the first body of its kind. On Node it is made at once, because the API description is generated
 * from it.
 * @returns what only reads bodies in a Worker: it has no members such as `shape`
 */
export function whenUsed<Schema extends z.ZodType>(make: () => Schema): Schema {
  if (navigator.userAgent !== 'Cloudflare-Workers') return make()
  return z.lazy(make) as unknown as Schema
}
