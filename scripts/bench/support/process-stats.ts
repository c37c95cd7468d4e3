// What a process has used so far, as Linux tells it in /proc. Elsewhere there are no figures, and programs print a dash.
import { readFileSync } from 'node:fs'

/** The kernel counts processor time in hundredths of a second for every program, whatever it uses itself. */
const TICKS_PER_SECOND = 100

/** Processor time of all its threads, in user and kernel mode. */
export function cpuSeconds(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`)
  // "pid (name) state …", where the name may hold anything; utime and stime are the 12th and 13th after it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Memory that is in RAM now. */
export function residentKb(pid: number): number | undefined {
  const [, kb] = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`) ?? '') ?? []
  return kb === undefined ? undefined : Number(kb)
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
