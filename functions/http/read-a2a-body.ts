// Reads the body of an A2A request from a web `Request`. Of a body over its limits it keeps only what its refusal needs.
import { BodyCollector, type BodyLimits } from '../../lib/a2a/body-collector.ts'
import { type OversizedBody, readOversized } from '../../lib/a2a/oversized-body.ts'
import { pauseSlice, SliceCounter } from '../../lib/platform/slices.ts'
import { announcedBytes } from './read-body.ts'

/** @returns the bytes, or what is known of a body that is over its limits */
export async function readA2aBody(request: Request, limits: BodyLimits): Promise<Uint8Array | OversizedBody> {
  if (request.body === null) return new Uint8Array()
  const iterator = (request.body as unknown as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
  const collector = new BodyCollector(announcedBytes(request), limits)
  const slices = new SliceCounter()
  while (!collector.isRefused) {
    const next = await iterator.next()
    if (next.done === true) return collector.body()
    collector.append(next.value)
    if (slices.add(next.value.byteLength)) await pauseSlice()
  }
  return readOversized(collector.chunks, iterator)
}
