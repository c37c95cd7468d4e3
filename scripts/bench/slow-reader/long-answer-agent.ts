// An agent with a very long answer. It stops sending when its connection accepts no more, so that the number of bytes shows
// how much is buffered.
import { createHash } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The length of each event. */
export const EVENT_BYTES = 16 * 1024

export type LongAnswerAgent = {
  url: string
  /** Bytes of events that left this process, and the hash of all events after the last one. */
  sent: { bytes: number; sha256: string | undefined }
  close(): Promise<void>
}

/** @param events how many it answers to a POST */
export async function startLongAnswerAgent(events: number): Promise<LongAnswerAgent> {
  const sent: LongAnswerAgent['sent'] = { bytes: 0, sha256: undefined }
  const server = createServer((request, response) => {
    request.resume()
    if (request.method === 'GET')
      response.setHeader('content-type', 'application/json').end('{"name":"long answer"}')
    else sendEvents(response, events, sent).catch((error: Error) => response.destroy(error))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function sendEvents(
  response: ServerResponse,
  events: number,
  sent: LongAnswerAgent['sent'],
): Promise<void> {
  const hash = createHash('sha256')
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (let number = 0; number < events && !response.destroyed; number++) {
    const event = eventOf(number)
    hash.update(event)
    const taken = response.write(event, () => (sent.bytes += EVENT_BYTES))
    if (!taken) await drained(response)
  }
  sent.sha256 = hash.digest('hex')
  response.end()
}

/** All events differ, so that a lost, repeated or misplaced one changes the hash. */
function eventOf(number: number): Buffer {
  const start = `data: {"jsonrpc":"2.0","id":"1","result":{"number":${number},"text":"`
  const end = '"}}\n\n'
  return Buffer.from(start + 'a'.repeat(EVENT_BYTES - start.length - end.length) + end, 'latin1')
}

/** Resolves when the connection accepts more, or is closed. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', done).once('close', done)
    function done(): void {
      response.off('drain', done).off('close', done)
      resolve()
    }
  })
}
