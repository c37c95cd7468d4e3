// POST /workspaces/:id/files/archive: a directory of a machine as a tar archive, and an archive into a directory.
import { argumentOf, type FilePath } from './file-path.ts'
import { type FileSession, MAX_FILE_BYTES } from './file-session.ts'
import { type FileHead, readChunks, readHead } from './read-file.ts'
import { ABORT_SCRIPT, DELETE_SCRIPT, PACK_SCRIPT, UNPACK_SCRIPT } from './scripts.ts'
import { writeFile, type WriteOptions, type Written } from './write-file.ts'

const archivePath = (id: string): FilePath => new TextEncoder().encode(`/tmp/.molecule-archive-${id}`)

export type Packed = { head: FileHead; chunks: AsyncGenerator<Uint8Array, undefined> }

/** The archive is made in the machine first, so that it has a length; it is removed when it was read or given up. */
export async function packDirectory(session: FileSession, path: FilePath): Promise<Packed> {
  const id = crypto.randomUUID()
  const archive = archivePath(id)
  await session.run(PACK_SCRIPT, [argumentOf(path), id, String(MAX_FILE_BYTES)])
  const head = await readHead(session, archive)
  async function* chunks(): AsyncGenerator<Uint8Array, undefined> {
    try {
      yield* readChunks(session, archive, head, 0, head.size)
    } finally {
      await session.run(DELETE_SCRIPT, [argumentOf(archive), 'no', 'any']).catch(() => {})
    }
  }
  return { head, chunks: chunks() }
}

/** Files of the archive replace files of the same name, each by a rename; others stay. @throws DomainError */
export async function unpackInto(
  session: FileSession,
  path: FilePath,
  body: AsyncIterable<Uint8Array>,
  options: Pick<WriteOptions, 'sha256'>,
): Promise<Written> {
  const id = crypto.randomUUID()
  const archive = archivePath(id)
  const written = await writeFile(session, archive, body, options)
  try {
    await session.run(UNPACK_SCRIPT, [argumentOf(path), argumentOf(archive), id], { isRepeatable: false })
  } catch (error) {
    await session.run(ABORT_SCRIPT, [argumentOf(withName(path)), id]).catch(() => {})
    await session.run(DELETE_SCRIPT, [argumentOf(archive), 'no', 'any']).catch(() => {})
    throw error
  }
  return written
}

/** A name in the directory, beside which the script for uploads looks for what is unfinished. */
const withName = (directory: FilePath): FilePath =>
  Uint8Array.from([...directory, ...new TextEncoder().encode('/x')])
