// Reads a file of a machine in chunks. Each chunk has a checksum, and the file must stay the same from the first chunk to
// the last: what a reader gets in full is what was in the machine.
import { decodeBase64, encodeHex } from '../../platform/encoding.ts'
import { DomainError } from '../../platform/errors.ts'
import { argumentOf, type FilePath } from './file-path.ts'
import { CHUNK_BYTES, type FileSession, MAX_FILE_BYTES } from './file-session.ts'
import { CHUNK_SCRIPT, HEAD_SCRIPT } from './scripts.ts'

export type FileHead = {
  size: number
  modified: Date
  /** Of the whole file, in hex. */
  sha256: string
  /** Size, time and inode, by which a change is noticed. */
  stamp: string
}

/** @throws DomainError */
export async function readHead(session: FileSession, path: FilePath): Promise<FileHead> {
  const printed = await session.run(HEAD_SCRIPT, [argumentOf(path), String(MAX_FILE_BYTES)])
  const [stamp = '', , sha256 = ''] = printed.split('\n')
  const [size = '', seconds = ''] = stamp.split(' ')
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw unreadable()
  return { size: Number(size), modified: new Date(Number(seconds) * 1_000), sha256, stamp }
}

const unreadable = () =>
  new DomainError(
    'conflict',
    'the file cannot be read in the machine; POST /workspaces/{id}/exec can show why',
    {
      details: { reason: 'file_refused' },
    },
  )

/** How many scripts the bytes from `from` up to `to` take. */
export const chunksOf = (from: number, to: number): number =>
  Math.ceil(to / CHUNK_BYTES) - Math.floor(from / CHUNK_BYTES)

/**
 * The bytes from `from` up to `to`, read when they are asked for.
 * @throws DomainError `conflict` when the file changed meanwhile
 */
export async function* readChunks(
  session: FileSession,
  path: FilePath,
  { stamp }: Pick<FileHead, 'stamp'>,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array, undefined> {
  for (let at = from; at < to;) {
    const number = Math.floor(at / CHUNK_BYTES)
    const begin = number * CHUNK_BYTES
    const printed = await session.run(CHUNK_SCRIPT, [argumentOf(path), String(number), String(CHUNK_BYTES)])
    const [seen, sha256, base64 = ''] = printed.split('\n')
    const chunk = decodeBase64(base64)
    if (seen !== stamp || sha256 !== (await sha256Of(chunk)))
      throw new DomainError('conflict', 'the file changed while it was read: read it again', {
        details: { reason: 'file_changed' },
      })
    yield chunk.subarray(at - begin, Math.min(to - begin, chunk.length))
    at = begin + CHUNK_BYTES
  }
}

/** In hex. */
export const sha256Of = async (bytes: Uint8Array): Promise<string> =>
  encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)))
