// MOLECULE_COMPAT: files of a chat (docs/facts/molecule.md §1.8). They are files of the workspace's machine, below its disk,
// where its agent reads them by the path in their address. An agent may add files to its own chat: it can write them itself.
import { Hono } from 'hono'
import type { Services } from '../../../lib/control-plane/services.ts'
import { awakeMachine } from '../../../lib/inside/awake-machine.ts'
import { parsePath } from '../../../lib/inside/files/file-path.ts'
import { openSession } from '../../../lib/inside/files/file-session.ts'
import { writeFile } from '../../../lib/inside/files/write-file.ts'
import { invalidField } from '../../../lib/platform/errors.ts'
import { withRequestBudget } from '../../../lib/platform/subrequest-budget.ts'
import type { AppEnv } from '../../http/app-env.ts'
import { withCaller } from '../../http/with-caller.ts'
import { wakeOptions } from '../exec.ts'
import { ask, idParam, type LimitBody, type SendInner } from './request.ts'

const DIRECTORY = '/workspace/.molecule/chat-uploads'

/** Where files of a chat may be read. */
const ROOTS = ['/workspace/', '/home/', '/configs/', '/plugins/']

/** Files of one request: each is written by requests of its own to the provider. */
const MOST_FILES = 10

const contentOf = (id: string, path: string) =>
  `/workspaces/${id}/files/content?path=${encodeURIComponent(path)}`

export function chatFileRoutes(services: Services, limitBody: LimitBody, send: SendInner) {
  const app = new Hono<AppEnv>()

  app.post('/workspaces/:id/chat/uploads', limitBody, async (c) => {
    const id = await idParam(services, c)
    const { files: given } = await c.req.parseBody({ all: true }).catch(() => ({ files: undefined }))
    const files = [given].flat().filter((one) => one instanceof File)
    if (files.length === 0) throw invalidField('files', "expected at least one 'files' field")
    if (files.length > MOST_FILES) throw invalidField('files', `at most ${MOST_FILES} in one request`)
    const counted = withRequestBudget(withCaller(services, c))
    const machine = await awakeMachine(counted, id, wakeOptions(c))
    const session = openSession(counted, machine, c.req.raw.signal)
    const uploaded = []
    for (const file of files) {
      const name = plainName(file.name)
      const path = `${DIRECTORY}/${crypto.randomUUID()}-${name}`
      await writeFile(session, parsePath(`?path=${path}`), file.stream(), {})
      uploaded.push({ uri: `workspace:${path}`, name, mimeType: file.type, size: file.size })
    }
    return c.json({ files: uploaded })
  })

  app.get('/workspaces/:id/chat/download', async (c) => {
    const path = c.req.query('path') ?? ''
    const isPlain = !path.split('/').includes('..') && ROOTS.some((root) => path.startsWith(root))
    if (!isPlain) throw invalidField('path', `must be absolute, and below one of ${ROOTS.join(', ')}`)
    return ask(send, c, { path: contentOf(await idParam(services, c), path) })
  })
  return app
}

/** The name without its directory, of characters that every shell and file system takes. */
const plainName = (name: string): string => {
  const plain = (name.split(/[/\\]/).at(-1) ?? '').replaceAll(/[^\w.-]/g, '_').slice(-100)
  return /^\.*$/.test(plain) ? 'file' : plain
}
