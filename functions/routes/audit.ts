// GET /audit: which caller requested which change, and its outcome (functions/middleware/audit.ts records it).
import { createRoute, z } from '@hono/zod-openapi'
import { listAudit } from '../../lib/audit/audit.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { rejectExpiredCursor } from '../../lib/events/retention.ts'
import { invalidField } from '../../lib/platform/errors.ts'
import { boundedText } from '../../lib/platform/postgres-text.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, json, problem } from '../http/openapi.ts'
import { policyOf } from '../middleware/authorize.ts'
import { Moment, Since, timeOf } from '../http/since.ts'
import { workspaceIdInput } from '../../lib/platform/uuid.ts'

const Outcome = z.enum(['ok', 'refused', 'failed'])

const AuditView = described(() =>
  z
    .object({
      seq: z.int(),
      at: z.iso.datetime(),
      caller: z.string(),
      caller_name: z.string().nullable(),
      route: z.string(),
      workspace_id: z.uuid().nullable(),
      status: z.int(),
      outcome: Outcome,
      address: z.string(),
      other_workspaces: z.array(z.uuid()).optional(),
      command: z.string().optional(),
      request_id: z.string(),
      user_agent: z.string().nullable(),
    })
    .openapi('AuditEntry'),
)

const auditRoute = createRoute({
  method: 'get',
  path: '/audit',
  operationId: 'listAudit',
  request: {
    query: z.object({
      after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
      before: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
      workspace_id: workspaceIdInput().optional(),
      caller: boundedText().max(200).toLowerCase().optional(),
      route: z
        .string()
        .refine((name) => policyOf(name) !== undefined, 'is not a route, such as PATCH /workspaces/:id')
        .optional(),
      outcome: Outcome.optional(),
      since: Since.optional(),
      until: Moment.optional(),
    }),
  },
  responses: described(() => ({
    200: json(
      z.object({ audit: z.array(AuditView), next: z.int().nullable() }),
      'Entries, newest first; with `before` those before that `seq`. With `after` those after that `seq`, oldest first; `next` is the value of `after` for the next page.',
    ),
    400: problem('A query parameter is invalid.'),
    410: problem(
      'Entries after `after` are no longer kept: `oldest_seq` is the oldest number. Or there is no such number: `newest_seq` is the newest.',
    ),
  })),
})

export function auditRoutes(services: Services) {
  const app = createRouter()
  app.openapi(auditRoute, async (c) => {
    const { since, workspace_id: workspaceId, ...query } = c.req.valid('query')
    const { after, before } = query
    if (after !== undefined && before !== undefined)
      throw invalidField('before', 'give after or before, not both')
    const audit = await listAudit(services, {
      ...query,
      workspaceId,
      since: timeOf(since, services.now()),
    })
    if (after !== undefined) await rejectExpiredCursor(services, after, ['audit'])
    const next = after === undefined ? audit[0]?.seq : audit.at(-1)?.seq
    return c.json({ audit, next: next ?? after ?? null }, 200)
  })
  return app
}
