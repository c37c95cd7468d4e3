// MOLECULE_COMPAT: approvals (docs/facts/molecule.md §2.8): an agent asks for a decision of a person, and reads it here. Each is
// decided once; a pending one stays pending.
import { Hono } from 'hono'
import { z } from 'zod'
import type { Services } from '../../../lib/control-plane/services.ts'
import { changeRecord, listRecords, type MoleculeRecord, saveRecord } from '../../../lib/molecule/records.ts'
import { namesOf } from '../../../lib/molecule/names.ts'
import { DomainError } from '../../../lib/platform/errors.ts'
import { boundedJson, boundedText } from '../../../lib/platform/postgres-text.ts'
import type { AppEnv } from '../../http/app-env.ts'
import { withCaller } from '../../http/with-caller.ts'
import { idParam, jsonOf, type LimitBody, parse } from './request.ts'
import { whenUsed } from '../../../lib/platform/when-used.ts'

const ApprovalInput = whenUsed(() =>
  z.object({
    action: boundedText().min(1, 'must not be empty').max(1_000),
    reason: boundedText().max(4_000).nullish(),
    task_id: boundedText().max(200).nullish(),
    context: boundedJson(z.record(z.string(), z.unknown()), 65_536).nullish(),
  }),
)

const Decision = whenUsed(() =>
  z.object({
    decision: z.enum(['approved', 'denied']),
    decided_by: boundedText().max(200).default('human'),
  }),
)

const PENDING = { status: 'pending' }

export function approvalRoutes(services: Services, limitBody: LimitBody) {
  const app = new Hono<AppEnv>()
  const path = '/workspaces/:id/approvals'

  app.get('/approvals/pending', async (c) => {
    const pending = (await listRecords(services, 'approval')).filter(
      ({ value }) => value['status'] === 'pending',
    )
    const names = await namesOf(
      services,
      pending.map(({ workspaceId }) => workspaceId ?? ''),
    )
    return c.json(
      pending
        .filter(({ workspaceId }) => names.has(workspaceId ?? ''))
        .map((row) => ({ ...toView(row), workspace_name: names.get(row.workspaceId ?? '') })),
    )
  })

  app.get(path, async (c) =>
    c.json((await listRecords(services, 'approval', [await idParam(services, c)])).map(toView)),
  )

  app.post(path, limitBody, async (c) => {
    const input = parse(ApprovalInput, await jsonOf(c))
    const id = crypto.randomUUID()
    const value = { ...input, ...PENDING }
    await saveRecord(withCaller(services, c), {
      kind: 'approval',
      workspaceId: await idParam(services, c),
      key: id,
      value,
    })
    return c.json({ approval_id: id, ...PENDING }, 201)
  })

  app.post(`${path}/:approval/decide`, limitBody, async (c) => {
    const { decided_by: by, decision } = parse(Decision, await jsonOf(c))
    const workspaceId = await idParam(services, c)
    const key = c.req.param('approval')
    const to = { status: decision, decided_by: by, decided_at: services.now().toISOString() }
    const row = await changeRecord(services, { kind: 'approval', workspaceId, key }, PENDING, to)
    if (row === undefined) throw new DomainError('not_found', 'approval not found or already decided')
    return c.json({ status: decision, approval_id: key })
  })
  return app
}

const toView = ({ createdAt, key, value, workspaceId }: MoleculeRecord) => ({
  id: key,
  workspace_id: workspaceId,
  task_id: value['task_id'] ?? null,
  action: value['action'],
  reason: value['reason'] ?? null,
  context: value['context'] ?? null,
  status: value['status'],
  decided_by: value['decided_by'] ?? null,
  decided_at: value['decided_at'] ?? null,
  created_at: createdAt.toISOString(),
})
