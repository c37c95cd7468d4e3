// Processor time and memory of a process, from /proc on Linux. On other systems there are no figures, and programs print a dash.
import { readFileSync } from 'node:fs'

/** The unit of processor time in /proc, the same on all systems. */
const TICKS_PER_SECOND = 100

/** Processor time of all threads, in user and kernel mode. */
export function cpuSeconds(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`)
  // "pid (name) state …", where the name may hold anything; utime and stime are the 12th and 13th after it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Processor time of the main thread, in milliseconds. */
export function mainThreadMs(pid: number): number | undefined {
  const nanoseconds = read(`/proc/${pid}/task/${pid}/schedstat`)?.split(' ')[0]
  return nanoseconds === undefined ? undefined : Number(nanoseconds) / 1e6
}

/** Resident memory. */
export function residentKb(pid: number): number | undefined {
  const [, kb] = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? '') ?? []
  return kb === undefined ? undefined : Number(kb)
}

/** Memory of a process of its own, and its share of what other processes use too (PSS). */
export function proportionalKb(pid: number): number | undefined {
  const [, kb] = /^Pss:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? '') ?? []
  return kb === undefined ? undefined : Number(kb)
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
