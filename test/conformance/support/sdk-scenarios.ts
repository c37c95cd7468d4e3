// What errands of either client need: a stream read to its end, and an error as part of the story.

/** @param atFirst done once, when the first event is there */
export async function all<Event>(
  events: AsyncIterable<Event>,
  atFirst?: () => Promise<void>,
): Promise<Event[]> {
  const heard: Event[] = []
  for await (const event of events) {
    heard.push(event)
    if (heard.length === 1) await atFirst?.()
  }
  return heard
}

export async function caught(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : error
  }
}
