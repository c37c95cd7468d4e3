// Reads the body of an A2A request from Node's request. Most bodies arrive in one piece together with their head: that piece is taken
// from Node's buffer, which takes less time than the events of a stream.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { BodyCollector, type BodyLimits } from '../../lib/a2a/body-collector.ts'
import { MAX_DISCARDED_BYTES, type OversizedBody, readOversized } from '../../lib/a2a/oversized-body.ts'
import { NO_ENVELOPE } from '../../lib/a2a/wire/json-rpc.ts'
import { pauseSlice, SliceCounter } from '../../lib/platform/slices.ts'
import { cutOff, RequestCutOff } from '../routes/a2a/exchange.ts'

const NOTHING = Promise.resolve()

/** @throws RequestCutOff */
export async function readBody(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  limits: BodyLimits,
): Promise<Uint8Array | OversizedBody> {
  const declared = Number(incoming.headers['content-length'] ?? 0)
  const collector = new BodyCollector(declared, limits)
  if (!collector.isRefused) {
    // Node's parser passes the body on after the request.
    await NOTHING
    const piece = incoming.read() as Buffer | null
    if (piece !== null) collector.append(piece)
    if (!collector.isRefused && (incoming.complete || piece?.length === declared)) return collector.body()
  }
  return readRest(incoming, outgoing, collector, declared)
}

function readRest(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  collector: BodyCollector,
  declared: number,
): Promise<Uint8Array | OversizedBody> {
  return new Promise((resolve, reject) => {
    // An error, with its stack, is created only for a truncated request.
    const fail = (cause?: unknown) => reject(new RequestCutOff(cause))
    if (incoming.destroyed) return fail()
    const refuse = () => {
      incoming.removeAllListeners('data')
      incoming.removeAllListeners('end')
      if (declared > MAX_DISCARDED_BYTES) {
        // The rest of the body is not read, so the connection closes after the response.
        incoming.pause()
        outgoing.setHeader('connection', 'close')
        return resolve({ envelope: NO_ENVELOPE })
      }
      const rest: AsyncIterator<Buffer> = incoming[Symbol.asyncIterator]()
      resolve(readOversized(collector.chunks, rest).catch(cutOff))
    }
    if (collector.isRefused) return refuse()
    const slices = new SliceCounter()
    incoming.on('data', (chunk: Buffer) => {
      collector.append(chunk)
      if (collector.isRefused) return refuse()
      if (!slices.add(chunk.length)) return
      incoming.pause()
      void pauseSlice().then(() => incoming.resume())
    })
    incoming.on('end', () => {
      // An open stream would keep the listeners, with the body.
      incoming.removeAllListeners()
      resolve(collector.body())
    })
    incoming.on('error', fail)
    incoming.on('close', fail)
  })
}
