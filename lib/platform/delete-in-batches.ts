// Deletes many rows in batches, so that no statement holds its locks for long.

/** Rows that one statement deletes. */
const BATCH = 5_000

/** Statements of one call, at most. The rest is for the next one. */
const MAX_BATCHES = 100

/** @param deleteSome deletes up to `limit` rows in one statement and returns something for each */
export async function deleteInBatches(deleteSome: (limit: number) => PromiseLike<unknown[]>): Promise<void> {
  for (let batch = 0; batch < MAX_BATCHES; batch++) {
    const deleted = await deleteSome(BATCH)
    if (deleted.length < BATCH) return
  }
}
