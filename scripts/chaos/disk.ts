// A disk of its own for a database, which can be full: a tmpfs whose size is reduced to what is used. Linux, as root.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SIZE = 1024 ** 3

/** Between reading what is used and reducing the size, more may be written. */
const TRIES = 20

export type Disk = {
  directory: string
  /** Nothing more can be written until `free`. @returns whether it is so */
  fill(): boolean
  free(): void
  remove(): void
}

/** @returns why this computer does not allow it, where it does not */
export function mountDisk(): Disk | string {
  if (process.platform !== 'linux') return 'only Linux has tmpfs'
  const directory = mkdtempSync(join(tmpdir(), 'chaos-disk-'))
  const refusal = mount(['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', directory])
  if (refusal !== undefined) {
    rmSync(directory, { recursive: true })
    return refusal
  }
  // Postgres runs as another user.
  chmodSync(directory, 0o755)
  const resize = (bytes: number) => mount(['-o', `remount,size=${bytes}`, directory]) === undefined
  let mounted = true
  const remove = () => {
    if (!mounted) return
    mounted = false
    spawnSync('umount', ['--lazy', directory])
    rmSync(directory, { recursive: true, force: true })
  }
  process.once('exit', remove)
  return {
    directory,
    fill() {
      for (let tries = 0; tries < TRIES; tries++) {
        const { bfree, blocks, bsize } = statfsSync(directory)
        if (resize((blocks - bfree) * bsize)) return true
      }
      return false
    },
    free: () => void resize(SIZE),
    remove,
  }
}

/** @returns why it failed */
function mount(args: string[]): string | undefined {
  const { error, status, stderr } = spawnSync('mount', args, { encoding: 'utf8' })
  return status === 0 ? undefined : (error?.message ?? stderr.trim())
}
