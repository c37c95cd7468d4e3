// Writes a file of a machine: in chunks, aside, and then renamed. Until the rename the old file is whole, whatever ends.
import { concatBytes } from '../../platform/encoding.ts'
import { DomainError } from '../../platform/errors.ts'
import { argumentOf, type FilePath } from './file-path.ts'
import { CHUNK_BYTES, type FileSession, MAX_FILE_BYTES } from './file-session.ts'
import { type Precondition, preconditionFailed, satisfies } from './preconditions.ts'
import { sha256Of } from './read-file.ts'
import { ABORT_SCRIPT, APPEND_SCRIPT, BEGIN_SCRIPT, COMMIT_SCRIPT } from './scripts.ts'

export type WriteOptions = Precondition & {
  /** Of the whole body, in hex, if the sender gave it. */
  sha256?: string | undefined
}

export type Written = { created: boolean; size: number; sha256: string }

/** @throws DomainError; after it nothing has changed under the path */
export async function writeFile(
  session: FileSession,
  path: FilePath,
  body: AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<Written> {
  const upload = [argumentOf(path), crypto.randomUUID()]
  const present = (await session.run(BEGIN_SCRIPT, upload)).trim()
  try {
    const isConditional = options.ifMatch !== undefined || options.ifNoneMatch !== undefined
    if (!satisfies(options, present === 'none' ? undefined : present)) throw preconditionFailed()
    const size = await append(session, upload, body)
    const before = isConditional ? present : 'any'
    const printed = await session.run(COMMIT_SCRIPT, [
      ...upload,
      String(size),
      before,
      options.sha256 ?? 'any',
    ])
    const [word, sha256 = ''] = printed.trim().split('\n')
    return { created: word === 'created', size, sha256 }
  } catch (error) {
    // What stays behind is removed by the next upload into the directory, an hour later.
    await session.run(ABORT_SCRIPT, upload).catch(() => {})
    throw error
  }
}

/** @returns the length */
async function append(
  session: FileSession,
  upload: readonly string[],
  body: AsyncIterable<Uint8Array>,
): Promise<number> {
  let offset = 0
  for await (const chunk of inChunks(body)) {
    if (offset + chunk.length > MAX_FILE_BYTES) throw tooLarge()
    if (!session.hasRoomFor(3)) throw tooManyRequests()
    const args = [...upload, String(offset), String(chunk.length), await sha256Of(chunk)]
    await session.run(APPEND_SCRIPT, args, { stdin: chunk })
    offset += chunk.length
  }
  return offset
}

export const tooLarge = () =>
  new DomainError(
    'too_large',
    `the body is larger than ${MAX_FILE_BYTES} bytes, the most that one request moves: split it`,
  )

export const tooManyRequests = () =>
  new DomainError(
    'too_large',
    'the content needs more requests to the provider than SUBREQUEST_LIMIT allows: move it in smaller parts',
  )

/** The same bytes in chunks of the same size, the last one excepted. */
async function* inChunks(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  let parts: Uint8Array[] = []
  let length = 0
  for await (const part of body) {
    let rest = part
    while (length + rest.length >= CHUNK_BYTES) {
      const missing = CHUNK_BYTES - length
      yield concatBytes([...parts, rest.subarray(0, missing)], CHUNK_BYTES)
      rest = rest.subarray(missing)
      parts = []
      length = 0
    }
    if (rest.length === 0) continue
    // A copy: a runtime may reuse the memory of a part.
    parts.push(rest.slice())
    length += rest.length
  }
  if (length > 0) yield concatBytes(parts, length)
}
