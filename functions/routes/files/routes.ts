// Files in the machine of a workspace: list, read, write, remove, and whole directories as archives. Bodies are streams:
// no file is in memory as a whole.
import type { Context } from 'hono'
import type { Services } from '../../../lib/control-plane/services.ts'
import { awakeMachine } from '../../../lib/inside/awake-machine.ts'
import { packDirectory, unpackInto } from '../../../lib/inside/files/archive.ts'
import {
  argumentOf,
  type FilePath,
  isRoot,
  nameOf,
  parsePath,
  toQuery,
} from '../../../lib/inside/files/file-path.ts'
import {
  CHUNK_BYTES,
  type FileSession,
  MAX_FILE_BYTES,
  openSession,
} from '../../../lib/inside/files/file-session.ts'
import { listFiles } from '../../../lib/inside/files/list-files.ts'
import {
  includesTag,
  parseRange,
  preconditionFailed,
  satisfies,
  tagOf,
} from '../../../lib/inside/files/preconditions.ts'
import { chunksOf, type FileHead, readChunks, readHead } from '../../../lib/inside/files/read-file.ts'
import { DELETE_SCRIPT } from '../../../lib/inside/files/scripts.ts'
import { tooLarge, tooManyRequests, writeFile, type Written } from '../../../lib/inside/files/write-file.ts'
import { decodeBase64, encodeBase64, decodeHex, encodeHex } from '../../../lib/platform/encoding.ts'
import { DomainError, invalidField } from '../../../lib/platform/errors.ts'
import { withRequestBudget } from '../../../lib/platform/subrequest-budget.ts'
import type { AppEnv } from '../../http/app-env.ts'
import { createRouter } from '../../http/openapi.ts'
import { readBody } from '../../http/read-body.ts'
import { streamOf } from '../../http/stream-body.ts'
import { withCaller } from '../../http/with-caller.ts'
import { wakeOptions } from '../exec.ts'
import { archiveRoute, deleteRoute, listRoute, readRoute, writeRoute } from './descriptions.ts'

type Opened = { session: FileSession; path: FilePath }

/** Scripts of an upload beside its chunks, and of an archive. */
const MORE_SCRIPTS = 6

export function fileRoutes(services: Services) {
  const app = createRouter()

  /** The path is checked before the machine is woken. */
  async function open(c: Context<AppEnv>, id: string): Promise<Opened> {
    const path = parsePath(new URL(c.req.url).search)
    const counted = withRequestBudget(withCaller(services, c))
    const machine = await awakeMachine(counted, id, wakeOptions(c))
    return { path, session: openSession(counted, machine, c.req.raw.signal) }
  }

  app.openapi(listRoute, async (c) => {
    const { path, session } = await open(c, c.req.valid('param').id)
    const entries = await listFiles(session, path)
    return c.json(
      { entries: entries.map((entry) => ({ ...entry, modified: entry.modified.toISOString() })) },
      200,
    )
  })

  app.openapi(readRoute, async (c) => {
    const { path, session } = await open(c, c.req.valid('param').id)
    const head = await readHead(session, path)
    return fileResponse(c, session, path, head)
  })

  app.openapi(writeRoute, async (c) => {
    const body = bodyOf(c)
    const sha256 = digestOf(c)
    const { path, session } = await open(c, c.req.valid('param').id)
    if (isRoot(path)) throw invalidField('path', 'is a directory: add the name of the file')
    rejectLength(c, session)
    const written = await writeFile(session, path, body, {
      sha256,
      ifMatch: c.req.header('if-match'),
      ifNoneMatch: c.req.header('if-none-match'),
    })
    c.header('etag', tagOf(written.sha256))
    return c.json(viewOf(written), written.created ? 201 : 200)
  })

  app.openapi(deleteRoute, async (c) => {
    const { path, session } = await open(c, c.req.valid('param').id)
    if (isRoot(path)) throw invalidField('path', 'is the root of the machine: name something below it')
    const ifMatch = c.req.header('if-match')
    let expected = 'any'
    if (ifMatch !== undefined) {
      const { sha256 } = await readHead(session, path)
      if (!satisfies({ ifMatch }, sha256)) throw preconditionFailed()
      expected = sha256
    }
    const recursive = c.req.valid('query').recursive === 'true' ? 'yes' : 'no'
    await session.run(DELETE_SCRIPT, [argumentOf(path), recursive, expected], { isRepeatable: false })
    return c.body(null, 204)
  })

  app.openapi(archiveRoute, async (c) => {
    const isTar = /^application\/x-tar\b/i.test(c.req.header('content-type') ?? '')
    // On Node every POST has a body, so only reading it shows that it is empty.
    if (!isTar && (await readBody(c.req.raw, 0)) === undefined)
      throw new DomainError(
        'unsupported_media_type',
        "send a tar archive, with the header 'Content-Type: application/x-tar'",
      )
    const isEmpty = !isTar || c.req.raw.body === null || c.req.header('content-length') === '0'
    const sha256 = digestOf(c)
    const { path, session } = await open(c, c.req.valid('param').id)
    if (!isEmpty) {
      rejectLength(c, session)
      return c.json(viewOf(await unpackInto(session, path, bodyOf(c), { sha256 })), 201)
    }
    const { chunks, head } = await packDirectory(session, path)
    if (!session.hasRoomFor(chunksOf(0, head.size))) throw tooManyRequests()
    const headers = { ...headersOf(head, nameOf(path), '.tar'), 'content-type': 'application/x-tar' }
    return streamOf(chunks, head.size, 200, headers)
  })

  return app
}

const viewOf = ({ sha256, size }: Written) => ({ sha256, size })

function bodyOf(c: Context): AsyncIterable<Uint8Array> {
  return c.req.raw.body ?? new Blob([]).stream()
}

/** Refuses before anything is sent what could not be finished. @throws DomainError `too_large` */
function rejectLength(c: Context, session: FileSession): void {
  const length = Number(c.req.header('content-length') ?? 0)
  if (length > MAX_FILE_BYTES) throw tooLarge()
  if (!session.hasRoomFor(Math.ceil(length / CHUNK_BYTES) + MORE_SCRIPTS)) throw tooManyRequests()
}

/** The SHA-256 of `Content-Digest` in hex; other algorithms are ignored. @throws DomainError `invalid_input` */
function digestOf(c: Context): string | undefined {
  const [, value] = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):/.exec(c.req.header('content-digest') ?? '') ?? []
  if (value === undefined) return undefined
  if (!/^[A-Za-z0-9+/]{43}=$/.test(value)) throw invalidField('Content-Digest', 'is not a SHA-256 in base64')
  return encodeHex(decodeBase64(value))
}

function fileResponse(c: Context, session: FileSession, path: FilePath, head: FileHead): Response {
  const condition = { ifMatch: c.req.header('if-match') }
  if (!satisfies(condition, head.sha256)) throw preconditionFailed()
  const headers = headersOf(head, nameOf(path))
  const ifNoneMatch = c.req.header('if-none-match')
  if (ifNoneMatch !== undefined && includesTag(ifNoneMatch, head.sha256))
    return new Response(null, { status: 304, headers })
  const ifRange = c.req.header('if-range')
  const isRange = ifRange === undefined || ifRange.trim() === tagOf(head.sha256)
  const range = isRange ? parseRange(c.req.header('range'), head.size) : undefined
  if (range === 'unsatisfiable') {
    c.header('content-range', `bytes */${head.size}`)
    throw new DomainError(
      'range_not_satisfiable',
      `the range begins after the end of the file, which has ${head.size} bytes`,
    )
  }
  const { from, to } = range ?? { from: 0, to: head.size }
  if (!session.hasRoomFor(chunksOf(from, to))) throw tooManyRequests()
  return streamOf(readChunks(session, path, head, from, to), to - from, range === undefined ? 200 : 206, {
    ...headers,
    ...(range === undefined ? {} : { 'content-range': `bytes ${from}-${to - 1}/${head.size}` }),
  })
}

function headersOf(head: FileHead, name: Uint8Array, extension = ''): Record<string, string> {
  const quoted = toQuery(Uint8Array.from([...name, ...new TextEncoder().encode(extension)]))
  return {
    'content-type': 'application/octet-stream',
    // A file of an agent must not become a page of this origin.
    'content-disposition': `attachment; filename*=UTF-8''${quoted.replaceAll('/', '%2F')}`,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'accept-ranges': 'bytes',
    etag: tagOf(head.sha256),
    'repr-digest': `sha-256=:${encodeBase64(decodeHex(head.sha256))}:`,
    'last-modified': head.modified.toUTCString(),
  }
}
