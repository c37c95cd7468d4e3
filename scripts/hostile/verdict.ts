// Judges a run attack by attack: which were bad, and which exceeded what in latency. It prints a line for each, and figures of all.
import { ATTACKS } from './attacks/all.ts'
import type { Measurement, Runtime } from './neighbour.ts'
import type { AttackResult, Rest } from './run.ts'

/** More than in the quiet. Cloudflare allows a Worker 128 MB, of which this one holds less than 10 in the quiet. */
export const MOST_MEMORY_MB = { node: 400, workerd: 100 }
export const FLOOR_MS = 100
const LIVEZ_MS = 1_000
export const CPU_MS = 50
/** Processors that are shared take longer for the same work. */
const BUSY_CPU_MS = 200

const ms = (value: number | undefined) => `${value?.toFixed(1) ?? '-'} ms`
const describe = ({
  cores,
  failed,
  longestCpuMs,
  memoryMb,
  messages,
  slowestLivezMs,
  workP99Ms,
}: Measurement) =>
  `server worked p99 ${ms(workP99Ms)}, ${messages} messages, ${failed} failed, slowest /livez ${ms(slowestLivezMs)}, longest CPU ${ms(longestCpuMs)}, ${cores?.toFixed(1) ?? '-'} cores, ${memoryMb ?? '-'} MB`

/** @param options.isBusy latencies are shown and not judged, and CPU time may be longer */
export function createVerdict({
  isBusy,
  print,
  runtime,
}: {
  runtime: Runtime
  isBusy: boolean
  print: (line: string) => unknown
}) {
  let quiet: Measurement | undefined
  const overQuiet: string[] = []
  const overBoth: string[] = []
  const bad: string[] = []
  const stopped: string[] = []
  let mostMemoryMb = 0
  let mostWorkMs = 0
  let count = 0

  const onQuiet = (measured: Measurement) => {
    quiet = measured
    print(`ok  nothing (the quiet values): p99 ${ms(measured.p99Ms)}, ${describe(measured)}`)
  }

  const onResult = ({ answers, attack, control, name, statuses }: AttackResult) => {
    if (quiet === undefined) throw new Error('the quiet values come first')
    count++
    const larger = Math.max(quiet.p99Ms, control?.p99Ms ?? 0)
    const ratio = attack.p99Ms / larger
    const figures = `p99 ${ms(quiet.p99Ms)} quiet / ${ms(control?.p99Ms)} control / ${ms(attack.p99Ms)} attack (${ratio.toFixed(1)} ×)`
    if (attack.p99Ms > 2 * quiet.p99Ms) overQuiet.push(name)
    if (ratio > 2) overBoth.push(`${name}: ${figures}`)
    mostMemoryMb = Math.max(mostMemoryMb, attack.memoryMb ?? 0)
    mostWorkMs = Math.max(mostWorkMs, attack.workP99Ms ?? 0)
    const isSlow = (ratio > 2 && attack.p99Ms > FLOOR_MS) || attack.slowestLivezMs > LIVEZ_MS
    const known = ATTACKS.find((one) => one.name === name)
    // On a busy computer a large message may take longer than its attack lasts.
    const wasHeard =
      isBusy || answers > 0 || (known?.answer === undefined && Object.keys(statuses).length > 0)
    const hasReached = wasHeard && (known?.isAnonymous === true || statuses[401] === undefined)
    const isBad =
      attack.failed > 0 ||
      !hasReached ||
      (isSlow && !isBusy) ||
      (attack.memoryMb ?? 0) - (quiet.memoryMb ?? 0) > MOST_MEMORY_MB[runtime] ||
      (attack.longestCpuMs ?? 0) > (isBusy ? BUSY_CPU_MS : CPU_MS)
    const isKnown = isBad && runtime === 'workerd' && known?.stopsWorkerd === true
    if (isKnown) stopped.push(name)
    else if (isBad) bad.push(name)
    print(
      `${isKnown ? 'known' : isBad ? 'BAD' : 'ok '} ${name}: ${figures}, ${describe(attack)}, attacker got ${JSON.stringify(statuses)}, ${answers} hostile answers${hasReached ? '' : ' (the attack was refused as a whole: it proves nothing)'}`,
    )
  }

  /** @returns the names of bad attacks */
  const conclude = ({ memoryMb, quietAgain }: Rest): string[] => {
    print(`ok  nothing (again, at the end): p99 ${ms(quietAgain.p99Ms)}, ${describe(quietAgain)}`)
    for (const line of overBoth) print(`over twice the larger of quiet and control: ${line}`)
    print(`over twice the quiet value: ${overQuiet.length} of ${count}`)
    print(`over twice the larger of quiet and control: ${overBoth.length} of ${count}`)
    print(
      `p99 of the server's work during a message: ${ms(quiet?.workP99Ms)} quiet, at most ${ms(mostWorkMs)}`,
    )
    print(
      `memory: ${quiet?.memoryMb ?? '-'} MB quiet, at most ${mostMemoryMb} MB, ${memoryMb ?? '-'} MB after a rest`,
    )
    for (const name of stopped)
      print(`known, because the runtime reads it and this project never sees it: ${name}`)
    for (const name of bad) print(`bad: ${name}`)
    return bad
  }

  return { onQuiet, onResult, conclude }
}
