// What a slow reader may cost, whatever the length of the stream, and the verdict on one.
import type { SlowRead } from './slow-read.ts'

/** On the road between agent and client: the buffers of four sockets, which the kernel makes larger as it sees fit, and ours. */
export const MOST_UNREAD_MB = 24

/** What the server holds, with what a first stream makes it keep for the next. */
export const MOST_HELD_MB = 60

/** With the garbage of a stream at full speed, which is collected when there is enough of it. */
export const MOST_PEAK_MB = 180

/** @returns a sentence for each thing that is not as it should be */
export function problemsOf(read: SlowRead): string[] {
  const { saidMb, readMb, same, unreadMb, stillGrowing, heldMb, peakMb } = read
  const mb = (value = 0) => `${value.toFixed(1)} MB`
  const isOver = (value: number | undefined, limit: number) => value !== undefined && value > limit
  const problems: [boolean, string][] = [
    [!same, `what was read (${mb(readMb)}) is not what was said (${mb(saidMb)})`],
    [stillGrowing, 'the agent could go on handing over while nobody read'],
    [unreadMb > MOST_UNREAD_MB, `${mb(unreadMb)} were taken from the agent while nobody read`],
    [isOver(heldMb, MOST_HELD_MB), `the server held ${mb(heldMb)} more while nobody read`],
    [isOver(peakMb, MOST_PEAK_MB), `the server's memory grew by ${mb(peakMb)}`],
  ]
  return problems.filter(([is]) => is).map(([, sentence]) => sentence)
}
