// /disks: every disk, with and without a workspace. A disk without a workspace can be deleted here, and nothing else
// deletes one before its time.
import { createRoute, z } from '@hono/zod-openapi'
import type { Services } from '../../../lib/control-plane/services.ts'
import { deleteMarkedDisks, requestDeletion } from '../../../lib/disks/delete-disks.ts'
import { getDisk, listDisks } from '../../../lib/disks/list-disks.ts'
import { withRequestBudget } from '../../../lib/platform/subrequest-budget.ts'
import { described } from '../../../lib/platform/described.ts'
import { createRouter, json, problem } from '../../http/openapi.ts'
import { linkNextPage } from '../../http/next-page.ts'
import { withCaller } from '../../http/with-caller.ts'
import { cursorOf, parseCursor } from '../../http/time-cursor.ts'
import { DiskParam, DiskView, toDiskView } from './view.ts'

const listRoute = createRoute({
  method: 'get',
  path: '/disks',
  operationId: 'listDisks',
  request: {
    query: z.object({
      retained: z.enum(['true', 'false']).optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(1000),
      cursor: z.string().optional(),
    }),
  },
  responses: described(() => ({
    200: json(
      z.array(DiskView),
      'Disks that are not deleted, oldest first. The Link header with rel="next" leads to the next page.',
    ),
    400: problem('A query parameter is invalid.'),
  })),
})

const readRoute = createRoute({
  method: 'get',
  path: '/disks/{disk}',
  operationId: 'getDisk',
  request: { params: DiskParam },
  responses: described(() => ({
    200: json(DiskView, 'The disk, also after its deletion.'),
    404: problem('No such disk.'),
  })),
})

const deleteRoute = createRoute({
  method: 'delete',
  path: '/disks/{disk}',
  operationId: 'deleteDisk',
  request: { params: DiskParam },
  responses: described(() => ({
    200: json(DiskView, 'The disk is deleted with its data, until the provider confirms it.'),
    404: problem('No such disk.'),
    409: problem('A workspace owns the disk, or a copy of it is being made.'),
  })),
})

export function diskRoutes(services: Services) {
  const app = createRouter()
  const view = (disk: Parameters<typeof toDiskView>[1]) => toDiskView(services.provisioner, disk)

  app.openapi(listRoute, async (c) => {
    const { cursor, limit, retained } = c.req.valid('query')
    const { more, rows } = await listDisks(services.db, {
      limit,
      retainedOnly: retained === 'true',
      after: parseCursor(cursor, (text) => /^\w{1,64}$/.test(text)),
    })
    const last = more ? rows.at(-1) : undefined
    linkNextPage(services.config, c, limit, last && cursorOf({ id: last.id, createdAt: last.insertedAt }))
    return c.json(rows.map(view), 200)
  })

  app.openapi(readRoute, async (c) =>
    c.json(view(await getDisk(services.db, c.req.valid('param').disk)), 200),
  )

  app.openapi(deleteRoute, async (c) => {
    const disk = await requestDeletion(withCaller(services, c), c.req.valid('param').disk)
    c.executionCtx.waitUntil(deleteMarkedDisks(withRequestBudget(services)))
    return c.json(view(disk), 200)
  })

  return app
}
