// An agent that has more to say than anybody wants to read at once, and that stops talking when its connection takes no more:
// what it could hand over shows how much the road holds.
import { createHash } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The length of each event. */
export const EVENT_BYTES = 16 * 1024

export type TalkativeAgent = {
  url: string
  /** Bytes of events that left this process, and the hash of all that was said when the last one has. */
  said: { bytes: number; sha256: string | undefined }
  close(): Promise<void>
}

/** @param events how many it answers to a POST */
export async function startTalkativeAgent(events: number): Promise<TalkativeAgent> {
  const said: TalkativeAgent['said'] = { bytes: 0, sha256: undefined }
  const server = createServer((request, response) => {
    request.resume()
    if (request.method === 'GET')
      response.setHeader('content-type', 'application/json').end('{"name":"talkative"}')
    else talk(response, events, said).catch((error: Error) => response.destroy(error))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    said,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function talk(response: ServerResponse, events: number, said: TalkativeAgent['said']): Promise<void> {
  const hash = createHash('sha256')
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (let number = 0; number < events && !response.destroyed; number++) {
    const event = eventOf(number)
    hash.update(event)
    const taken = response.write(event, () => (said.bytes += EVENT_BYTES))
    if (!taken) await drained(response)
  }
  said.sha256 = hash.digest('hex')
  response.end()
}

/** No two are the same, so that one that is lost, repeated or out of turn changes the hash. */
function eventOf(number: number): Buffer {
  const start = `data: {"jsonrpc":"2.0","id":"1","result":{"number":${number},"text":"`
  const end = '"}}\n\n'
  return Buffer.from(start + 'a'.repeat(EVENT_BYTES - start.length - end.length) + end, 'latin1')
}

/** When there is room again, or nobody left to make some. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', done).once('close', done)
    function done(): void {
      response.off('drain', done).off('close', done)
      resolve()
    }
  })
}
