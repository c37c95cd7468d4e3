// Files that a caller gives to an agent beyond config.yaml: prompts, skills, templates. They are written below
// /configs when the machine is created or updated.
import { z } from 'zod'
import { decodeBase64, encodeBase64, encodeHex } from '../platform/encoding.ts'
import { PLATFORM_FILES } from '../machines/machine-spec.ts'

const MAX_FILES = 100

/** All files of a workspace together. Molecule's own control plane has the same limit (docs/facts/molecule.md §9.4). */
export const MAX_FILE_BYTES = 256 * 1024

const MAX_PATH_LENGTH = 200

/** Text, or bytes in base64. */
const FileContent = z.union(
  [
    z.string().refine((text) => text.isWellFormed(), 'contains a broken surrogate pair'),
    z.strictObject({ base64: z.base64() }),
  ],
  { error: 'must be a text, or {"base64": "…"} for other bytes' },
)

type FileContent = z.infer<typeof FileContent>

/** Files by their path below /configs, such as `skills/search/SKILL.md`. */
export const WorkspaceFiles = z
  .record(z.string(), FileContent)
  .superRefine((files, context) => {
    const paths = Object.keys(files)
    for (const path of paths) {
      const message = mistakeOf(path, paths)
      if (message !== undefined)
        context.addIssue({ code: 'custom', path: [path.slice(0, MAX_PATH_LENGTH)], message })
    }
  })
  .refine((files) => Object.keys(files).length <= MAX_FILES, `must not have more than ${MAX_FILES} files`)
  .refine(
    (files) => Object.values(files).reduce((sum, file) => sum + lengthOf(file), 0) <= MAX_FILE_BYTES,
    `must not be larger than ${MAX_FILE_BYTES} bytes together`,
  )

const SEGMENT = /^[A-Za-z0-9._@+-]+$/

function mistakeOf(path: string, paths: readonly string[]): string | undefined {
  if (path.length > MAX_PATH_LENGTH) return `must not be longer than ${MAX_PATH_LENGTH} characters`
  if (path.startsWith('/')) return 'must be a path below /configs, without a leading slash'
  const segments = path.split('/')
  if (segments.some((segment) => !SEGMENT.test(segment) || /^\.{1,2}$/.test(segment)))
    return 'must have segments of letters, digits and ._@+- only, none of them . or ..'
  const ours = PLATFORM_FILES.find((name) => isSameOrBelow(path.toLowerCase(), name))
  if (ours !== undefined) return `is written by the platform (${ours})`
  const parent = paths.find((other) => other !== path && isSameOrBelow(path, other))
  return parent === undefined ? undefined : `is below ${parent}, which is a file`
}

const isSameOrBelow = (path: string, other: string) => path === other || path.startsWith(`${other}/`)

const bytesOf = (file: FileContent): Uint8Array =>
  typeof file === 'string' ? new TextEncoder().encode(file) : decodeBase64(file.base64)

function lengthOf(file: FileContent): number {
  if (typeof file === 'string') return new TextEncoder().encode(file).length
  const padding = file.base64.endsWith('==') ? 2 : file.base64.endsWith('=') ? 1 : 0
  return (file.base64.length / 4) * 3 - padding
}

/** A file as it is listed, with what is stored of it. The digest shows whether a file has changed. */
export type PreparedFile = { path: string; bytes: number; sha256: string; base64: string }

/** In the order of their paths. */
export async function prepareFiles(files: z.infer<typeof WorkspaceFiles>): Promise<PreparedFile[]> {
  const prepared = await Promise.all(
    Object.entries(files).map(async ([path, file]) => {
      const bytes = bytesOf(file)
      const digest = await crypto.subtle.digest('SHA-256', bytes as BufferSource)
      return {
        path,
        bytes: bytes.length,
        sha256: encodeHex(new Uint8Array(digest)),
        base64: encodeBase64(bytes),
      }
    }),
  )
  return prepared.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}
