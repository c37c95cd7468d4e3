// HTTP without normalisation: paths, headers and bodies as they are on the wire. `fetch` would change all three, and a test
// of a proxy must see them unchanged.
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'

export type Sent = {
  method?: string
  headers?: Record<string, string>
  body?: string | Uint8Array | undefined
}

export type Answer = { status: number; headers: [name: string, value: string][]; body: Buffer }

/** An answer whose body the test reads. */
export type OpenAnswer = Omit<Answer, 'body'> & {
  /** The body so far, once it contains an event. */
  firstEvent(): Promise<string>
  /** The whole body, once it has ended. */
  whole(): Promise<Buffer>
  disconnect(): void
}

const connections = new Agent({ keepAlive: true })

export const closeConnections = () => connections.destroy()

/** @param path with its query, sent unchanged */
export async function call(origin: string, path: string, sent: Sent = {}): Promise<Answer> {
  const incoming = await begin(origin, path, sent)
  return { status: incoming.statusCode ?? 0, headers: pairsOf(incoming), body: await buffer(incoming) }
}

export async function open(origin: string, path: string, sent: Sent = {}): Promise<OpenAnswer> {
  const incoming = await begin(origin, path, sent)
  const chunks = incoming[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>
  const received: Buffer[] = []
  const listen = async (): Promise<boolean> => {
    const { done, value } = await chunks.next()
    if (value !== undefined) received.push(value)
    return done !== true
  }
  return {
    status: incoming.statusCode ?? 0,
    headers: pairsOf(incoming),
    async firstEvent() {
      // The boundaries of chunks may differ between targets.
      while (!Buffer.concat(received).includes('\n\n') && (await listen()));
      return Buffer.concat(received).toString()
    },
    async whole() {
      while (await listen());
      return Buffer.concat(received)
    },
    disconnect: () => void incoming.destroy(),
  }
}

function begin(
  origin: string,
  path: string,
  { method = 'GET', headers = {}, body }: Sent,
): Promise<IncomingMessage> {
  const { hostname, port } = new URL(origin)
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ hostname, port, path, method, headers, agent: connections }, resolve)
    outgoing.once('error', reject)
    if (body === undefined) return outgoing.end()
    const bytes = Buffer.from(body as string)
    outgoing.setHeader('content-length', bytes.length)
    outgoing.end(bytes)
  })
}

function pairsOf({ rawHeaders }: IncomingMessage): [string, string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    pairs.push([(rawHeaders[at] ?? '').toLowerCase(), rawHeaders[at + 1] ?? ''])
  }
  return pairs
}

export const headerOf = ({ headers }: Pick<Answer, 'headers'>, name: string): string | undefined => {
  const values = headers.filter(([other]) => other === name).map(([, value]) => value)
  return values.length === 0 ? undefined : values.join(', ')
}

export const jsonOf = ({ body }: Pick<Answer, 'body'>): unknown => JSON.parse(body.toString('utf8'))
