// Helpers for the scenarios of both clients: read a stream to its end, and return an error as a value.

/** @param atFirst called once, after the first event */
export async function all<Event>(
  events: AsyncIterable<Event>,
  atFirst?: () => Promise<void>,
): Promise<Event[]> {
  const received: Event[] = []
  for await (const event of events) {
    received.push(event)
    if (received.length === 1) await atFirst?.()
  }
  return received
}

export async function caught(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : error
  }
}
