// Work that shares statements: what comes while a statement of its lane is under way is done together, after it. Nothing waits for
// the statement of another lane, or for more than one before its own.

type Options<Item, Result> = {
  /**
   * @returns the result of each item
   * @throws what is thrown to all of them
   */
  run: (items: Item[]) => Promise<(item: Item) => Result>
  /** Items in one statement. */
  maxItems: number
  /** The size of all items in one statement, unless it has only one. */
  maxSize?: number
  sizeOf?: (item: Item) => number
}

type Waiting<Item, Result> = {
  item: Item
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/** @returns does an item of a lane: at once where none is under way */
export function createBatches<Item, Result>({
  maxItems,
  maxSize = Infinity,
  run,
  sizeOf = () => 0,
}: Options<Item, Result>): (lane: string, item: Item) => Promise<Result> {
  /** What waits in each lane that has a statement under way. */
  const lanes = new Map<string, Waiting<Item, Result>[]>()

  async function runLane(lane: string, first: Waiting<Item, Result>): Promise<void> {
    for (let due = [first]; due.length > 0; due = lanes.get(lane) ?? []) {
      lanes.set(lane, [])
      await Promise.all(split(due).map(runBatch))
    }
    lanes.delete(lane)
  }

  function split(due: Waiting<Item, Result>[]): Waiting<Item, Result>[][] {
    const batches: Waiting<Item, Result>[][] = []
    let batch: Waiting<Item, Result>[] = []
    let size = 0
    for (const waiting of due) {
      size += sizeOf(waiting.item)
      if (batch.length === 0 || batch.length === maxItems || size > maxSize) {
        batches.push((batch = []))
        size = sizeOf(waiting.item)
      }
      batch.push(waiting)
    }
    return batches
  }

  async function runBatch(batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      const resultOf = await run(batch.map(({ item }) => item))
      for (const { item, resolve } of batch) resolve(resultOf(item))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  return (lane, item) =>
    new Promise((resolve, reject) => {
      const entry = { item, resolve, reject }
      const waiting = lanes.get(lane)
      if (waiting === undefined) void runLane(lane, entry)
      else waiting.push(entry)
    })
}
