// Deletes many rows a few at a time, so that no statement holds its locks for long.

/** Rows deleted by one statement, and statements in one go. */
const BATCH = 5_000
const MOST_BATCHES = 100

/** @param deleteSome deletes up to `limit` rows in one statement and returns something for each */
export async function deleteInBatches(deleteSome: (limit: number) => PromiseLike<unknown[]>): Promise<void> {
  for (let batch = 0; batch < MOST_BATCHES; batch++) {
    const deleted = await deleteSome(BATCH)
    if (deleted.length < BATCH) return
  }
}
