// Finds and ends the processes of a machine on this computer, also those that no process group reaches. They are recognised by
// a variable of their environment, which only Linux shows.

import { readdirSync, readFileSync } from 'node:fs'

/** The variable with the directory that stands for the machine's root. Real machines have none: their root is `/`. */
export const ROOT_VARIABLE = 'MACHINE_ROOT'

/** The ids of the living processes with this root; none where the system does not show environments. */
export function processesOf(root: string): number[] {
  return processIds().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`${ROOT_VARIABLE}=${root}`)
    } catch {
      // It has ended meanwhile, or belongs to another user.
      return false
    }
  })
}

/** Kills what programs and commands of a machine have left running, also in sessions of their own. */
export function killProcessesOf(root: string): void {
  for (const pid of processesOf(root)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended meanwhile.
    }
  }
}

function processIds(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}
