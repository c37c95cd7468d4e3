// MOLECULE_COMPAT: files as Molecule's clients ask for them: by a path below a root. They are this API's own files
// (functions/routes/files/), which need a machine that runs.
import { type Context, Hono } from 'hono'
import { z } from 'zod'
import type { Services } from '../../../lib/control-plane/services.ts'
import { DomainError, invalidField } from '../../../lib/platform/errors.ts'
import type { AppEnv } from '../../http/app-env.ts'
import {
  ask,
  idParam,
  jsonFrom,
  jsonOf,
  type LimitBody,
  notOffered,
  parse,
  type SendInner,
  textFrom,
} from './request.ts'

/** Where Molecule's clients look for files that they name without a root. */
const DEFAULT_ROOT = '/configs'

const GENERATED =
  '/configs is written anew at every start of the machine: change `config` and `files` with PATCH /workspaces/:id'

/** The largest file that is returned as JSON, in bytes. */
const MAX_BYTES = 1_000_000

const ContentInput = z.object({ content: z.string() })

type Entry = { name: string; type: string; size: number }

export function fileCompatRoutes(services: Services, limitBody: LimitBody, send: SendInner) {
  const app = new Hono<AppEnv>()
  const path = '/workspaces/:id/files'
  const contentOf = (id: string, file: string) =>
    `/workspaces/${id}/files/content?path=${encodeURIComponent(file)}`

  // This API's own route has an absolute path and no root.
  app.get(path, async (c, next) => {
    const { path: below, root } = c.req.query()
    if (root === undefined && below?.startsWith('/') === true) return next()
    const directory = pathOf(root, below ?? '')
    const query = new URLSearchParams({ path: directory })
    const answer = await ask(send, c, { path: `/workspaces/${await idParam(services, c)}/files?${query}` })
    // A root that an image does not have is empty to its clients.
    if (answer.status === 404) return c.json([])
    if (!answer.ok) return answer
    const { entries } = await jsonFrom<{ entries: Entry[] }>(answer)
    return c.json(entries.map(({ name, size, type }) => ({ path: name, size, dir: type === 'directory' })))
  })
  app.put(path, notOffered(GENERATED))

  app.get(`${path}/:path{.+}`, async (c, next) => {
    if (c.req.param('path') === 'content') return next()
    const file = pathOf(c.req.query('root'), c.req.param('path'))
    const answer = await ask(send, c, { path: contentOf(await idParam(services, c), file) })
    if (!answer.ok) return answer
    return c.json({ path: c.req.param('path'), content: await textFrom(answer, MAX_BYTES) })
  })
  app.put(`${path}/:path{.+}`, async (c, next) => {
    if (c.req.param('path') === 'content') return next()
    const file = pathOf(c.req.query('root'), c.req.param('path'))
    rejectGenerated(file)
    return limitBody(c, async () => {
      const { content } = parse(ContentInput, await jsonOf(c))
      const written = { method: 'PUT', path: contentOf(await idParam(services, c), file), body: content }
      c.res = await sayStatus(
        c,
        await ask(send, c, { ...written, type: 'application/octet-stream' }),
        'saved',
      )
    })
  })
  app.delete(`${path}/:path{.+}`, async (c, next) => {
    if (c.req.param('path') === 'content') return next()
    const file = pathOf(c.req.query('root'), c.req.param('path'))
    rejectGenerated(file)
    const removal = { method: 'DELETE', path: contentOf(await idParam(services, c), file) }
    return sayStatus(c, await ask(send, c, removal), 'deleted')
  })
  return app
}

const sayStatus = async (c: Context<AppEnv>, answer: Response, status: string): Promise<Response> => {
  if (!answer.ok) return answer
  await answer.body?.cancel()
  return c.json({ status, path: c.req.param('path') })
}

function rejectGenerated(file: string): void {
  if (file === DEFAULT_ROOT || file.startsWith(`${DEFAULT_ROOT}/`))
    throw new DomainError('not_implemented', GENERATED)
}

/** @throws DomainError `invalid_input` */
function pathOf(root = DEFAULT_ROOT, below: string): string {
  if (!root.startsWith('/')) throw invalidField('root', 'must be an absolute path, such as /workspace')
  return `${root.replace(/(?<!\/)\/+$/, '')}/${below.replace(/^\/+/, '')}`.replace(/(?<!\/)\/+$/, '') || '/'
}
