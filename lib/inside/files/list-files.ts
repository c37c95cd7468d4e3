// GET /workspaces/:id/files: what is in a directory of a machine.
import { decodeBase64 } from '../../platform/encoding.ts'
import { DomainError } from '../../platform/errors.ts'
import { argumentOf, type FilePath, toQuery, toText, within } from './file-path.ts'
import type { FileSession } from './file-session.ts'
import { LIST_SCRIPT } from './scripts.ts'

export type FileType = 'file' | 'directory' | 'link' | 'other'

export type FileEntry = {
  name: string
  /** As the value of `path` in a query: also for names that are not UTF-8. */
  path: string
  type: FileType
  size: number
  modified: Date
  /** Permissions in octal, such as `0644`. */
  mode: string
}

const MAX_ENTRIES = 10_000

/** A directory that changes while it is listed is listed again. */
const ATTEMPTS = 3

/** In the order of their names' bytes. @throws DomainError */
export async function listFiles(session: FileSession, path: FilePath): Promise<FileEntry[]> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const printed = await session.run(LIST_SCRIPT, [argumentOf(path), String(MAX_ENTRIES)])
    const entries = parseListing(printed, path)
    if (entries !== undefined) return entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  }
  throw new DomainError(
    'unavailable',
    'the directory changed each time it was listed: try again when less is written to it',
    { retryAfterSeconds: 2 },
  )
}

/** Groups of a line with the names, a line for each of them, and an empty line; undefined when they do not agree. */
function parseListing(printed: string, directory: FilePath): FileEntry[] | undefined {
  const entries: FileEntry[] = []
  for (const group of printed.split('\n\n')) {
    const [names = '', ...facts] = group.split('\n').filter((line) => line !== '')
    if (names === '') continue
    const bytes = namesOf(decodeBase64(names))
    if (bytes.length !== facts.length) return undefined
    for (const [at, name] of bytes.entries()) {
      const entry = toEntry(name, facts[at] ?? '', directory)
      if (entry === undefined) return undefined
      entries.push(entry)
    }
  }
  return entries
}

function namesOf(bytes: Uint8Array): Uint8Array[] {
  const names: Uint8Array[] = []
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(0, from)
    names.push(bytes.subarray(from, end))
    from = end + 1
  }
  return names
}

const TYPES: Record<number, FileType> = { 0o10: 'file', 0o04: 'directory', 0o12: 'link' }

/** @param facts the mode in hex with the type, the size, and seconds since 1970 */
function toEntry(name: Uint8Array, facts: string, directory: FilePath): FileEntry | undefined {
  const [, hex, size, seconds] = /^([0-9A-Fa-f]+) (\d+) (-?\d+)/.exec(facts) ?? []
  if (hex === undefined) return undefined
  const mode = Number.parseInt(hex, 16)
  return {
    name: toText(name),
    path: toQuery(within(directory, name)),
    type: TYPES[mode >> 12] ?? 'other',
    size: Number(size),
    modified: new Date(Number(seconds) * 1_000),
    mode: (mode & 0o7777).toString(8).padStart(4, '0'),
  }
}
