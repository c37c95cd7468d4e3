// The data of volumes and of their snapshots, as a host stores it. The records of volumes are elsewhere: here is only
// what a program wrote.

export type DiskSource = { volume: string } | { snapshot: string }

export type Disks = {
  /**
   * Makes the disk of a volume, empty or as a copy. A disk that exists is replaced.
   * @throws when the source does not exist
   */
  create(volume: string, source?: DiskSource): Promise<void>
  /** That there is none is no error. */
  remove(volume: string): Promise<void>
  /** Copies a disk as it is now. @throws when the volume has no disk */
  takeSnapshot(volume: string, snapshot: string): Promise<void>
  /** That there is none is no error. */
  removeSnapshot(snapshot: string): Promise<void>
  /** The size of all files of a disk, in bytes; 0 when there is none. */
  usedBytes(volume: string): Promise<number>
}

/** A path without `.` and `..`, which cannot leave the root, and without the leading slash. */
export function normalizedPath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}
