// What is listed by its id: rollouts, webhook endpoints, holds, stored messages. The beginning of an id is enough.
import { UsageError } from './context.ts'

const ID_LENGTH = 36

/**
 * @param kind such as `rollout`
 * @param list reads what there is; it is not called for a whole id
 * @param command that lists what there is, such as `rollout ls`
 * @throws UsageError when the beginning of an id fits none or several
 */
export async function findId(
  kind: string,
  reference: string,
  list: () => Promise<readonly { id: string }[]>,
  command: string,
): Promise<string> {
  if (reference.length === ID_LENGTH) return reference
  const found = (await list()).filter(({ id }) => id.startsWith(reference.toLowerCase()))
  const [only] = found
  if (only === undefined)
    throw new UsageError(
      `no ${kind} has an id that begins with '${reference}': see 'molecule-fly ${command}'`,
    )
  if (found.length > 1) throw new UsageError(`'${reference}' fits ${found.length} ${kind}s; use an id`)
  return only.id
}
