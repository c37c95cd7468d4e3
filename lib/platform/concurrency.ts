// Bounded concurrency that can stop early. p-map has no way to say which items were not begun, and those must be
// given back.

/**
 * Calls `work` for each item in order, at most `limit` at a time.
 *
 * @param mayBegin asked before each item, in the same tick in which its work begins; once it is false, no further
 *   item begins
 * @returns the items that were not begun, when all work that was begun has ended
 * @throws the first error of `work`, at once; no further item begins, and other work may still be running
 */
export async function forEachConcurrently<Item>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<unknown>,
  mayBegin: () => boolean = () => true,
): Promise<Item[]> {
  let next = 0
  let failed = false
  const worker = async () => {
    while (!failed && next < items.length && mayBegin()) {
      try {
        await work(items[next++] as Item)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  return items.slice(next)
}
