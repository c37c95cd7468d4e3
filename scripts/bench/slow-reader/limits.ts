// The limits for a slow reader, whatever the length of the stream, and the check of a result.
import type { SlowRead } from './slow-read.ts'

/** Bytes between agent and client: the buffers of four sockets, which the kernel may enlarge, and those of the server. */
export const MOST_UNREAD_MB = 24

/** Memory of the server after garbage collection, including what a first stream leaves for the next. */
export const MOST_HELD_MB = 60

/** Memory including the garbage of a stream at full speed. */
export const MOST_PEAK_MB = 180

/** @returns a sentence for each problem */
export function problemsOf(read: SlowRead): string[] {
  const { sentMb, readMb, isComplete, unreadMb, stillGrowing, heldMb, peakMb } = read
  const mb = (value = 0) => `${value.toFixed(1)} MB`
  const isOver = (value: number | undefined, limit: number) => value !== undefined && value > limit
  const problems: [boolean, string][] = [
    [!isComplete, `what was read (${mb(readMb)}) is not what was sent (${mb(sentMb)})`],
    [stillGrowing, 'the agent could continue to send while the client did not read'],
    [unreadMb > MOST_UNREAD_MB, `${mb(unreadMb)} were taken from the agent while the client did not read`],
    [isOver(heldMb, MOST_HELD_MB), `the server held ${mb(heldMb)} more while the client did not read`],
    [isOver(peakMb, MOST_PEAK_MB), `the server's memory grew by ${mb(peakMb)}`],
  ]
  return problems.filter(([is]) => is).map(([, sentence]) => sentence)
}
