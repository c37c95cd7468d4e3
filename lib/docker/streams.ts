// Reads the daemon's streams: JSON values one a line (pulls, events), and the frames in which the output and the error
// output of a container share one connection (https://docs.docker.com/reference/api/engine, "Stream format").

/** The values of a stream of JSON lines. */
export async function* readJsonLines(stream: ReadableStream<Uint8Array>): AsyncGenerator {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of stream) {
    const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line)
  }
  if (rest.trim() !== '') yield JSON.parse(rest)
}

export type Frame = { stream: 'stdout' | 'stderr'; bytes: Uint8Array }

/** Bytes before each frame: the stream's number, three zeros, and the length. */
const HEADER = 8

/** The frames of a container's output, in order. A frame that is cut off at the end is left out. */
export async function* readFrames(stream: ReadableStream<Uint8Array>): AsyncGenerator<Frame> {
  let buffered = new Uint8Array(0)
  for await (const chunk of stream) {
    const joined = new Uint8Array(buffered.length + chunk.length)
    joined.set(buffered)
    joined.set(chunk, buffered.length)
    let at = 0
    while (joined.length - at >= HEADER) {
      const length = new DataView(joined.buffer, joined.byteOffset + at + 4).getUint32(0)
      if (joined.length - at - HEADER < length) break
      const bytes = joined.subarray(at + HEADER, at + HEADER + length)
      yield { stream: joined[at] === 2 ? 'stderr' : 'stdout', bytes }
      at += HEADER + length
    }
    buffered = joined.slice(at)
  }
}
