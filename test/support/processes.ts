// Lists the processes of this computer, to check that none is left behind. It reads /proc on Linux and runs `ps` elsewhere.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Its command line is read only where it is asked for: there are hundreds of processes. */
type Process = { pid: number; parent: number; command: () => string }

/** All processes except zombies. */
function livingProcesses(): Process[] {
  return existsSync('/proc/self/stat') ? fromProc() : fromPs()
}

/** The living children of a process whose command line contains this text. */
export const childrenOf = (parent: number, text: string): number[] =>
  livingProcesses()
    .filter((one) => one.parent === parent && one.command().includes(text))
    .map(({ pid }) => pid)

/** The living processes that these have started, and that those have started, and so on. */
export function descendantsOf(pids: readonly number[]): number[] {
  const all = livingProcesses()
  const found = new Set(pids)
  // A process is found while the set is walked, and so are its children.
  for (const pid of found) for (const { parent, pid: child } of all) if (parent === pid) found.add(child)
  return [...found].slice(pids.length)
}

/** The processes of this list that still live. */
export function stillLiving(pids: number[]): number[] {
  const living = new Set(livingProcesses().map(({ pid }) => pid))
  return pids.filter((pid) => living.has(pid))
}

function fromProc(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // "pid (name) state parent …", where the name may hold anything.
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        const command = () => commandOf(name)
        return state === 'Z' ? [] : [{ pid: Number(name), parent: Number(parent), command }]
      } catch {
        // The process ended after the listing.
        return []
      }
    })
}

/** @returns nothing if the process has ended */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

function fromPs(): Process[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,command='], { encoding: 'utf8' })
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, state = '', command = ''] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    return pid === undefined || state.startsWith('Z')
      ? []
      : [{ pid: Number(pid), parent: Number(parent), command: () => command }]
  })
}
