// MOLECULE_COMPAT: memories of agents (docs/facts/molecule.md §8.3): texts with a scope, and values by key. An agent reads its
// own; this control plane does nothing else with them.
import { Hono } from 'hono'
import { z } from 'zod'
import type { Services } from '../../../lib/control-plane/services.ts'
import {
  deleteRecord,
  findRecord,
  listRecords,
  type MoleculeRecord,
  saveRecord,
} from '../../../lib/molecule/records.ts'
import type { Store } from '../../../lib/platform/context.ts'
import { DomainError } from '../../../lib/platform/errors.ts'
import { boundedJson, boundedText } from '../../../lib/platform/postgres-text.ts'
import type { AppEnv } from '../../http/app-env.ts'
import { withCaller } from '../../http/with-caller.ts'
import { idParam, jsonOf, type LimitBody, parse } from './request.ts'
import { whenUsed } from '../../../lib/platform/when-used.ts'

const MAX_CONTENT = 100_000

const MemoryInput = whenUsed(() =>
  z.object({
    content: boundedText().min(1, 'must not be empty').max(MAX_CONTENT),
    scope: z.enum(['LOCAL', 'TEAM', 'GLOBAL']).default('LOCAL'),
    namespace: boundedText().max(200).optional(),
  }),
)

export type MemoryInput = z.infer<typeof MemoryInput>

const KeyInput = whenUsed(() =>
  z.object({
    key: boundedText().min(1, 'must not be empty').max(200),
    value: boundedJson(z.unknown(), MAX_CONTENT),
    ttl_seconds: z
      .int()
      .min(1)
      .max(366 * 86_400)
      .optional(),
  }),
)

/** The `initial_memories` of a new workspace. @throws DomainError `invalid_input` */
export const memoriesOf = (given: unknown): MemoryInput[] =>
  given == null ? [] : parse(z.array(MemoryInput).max(100), given)

export const createMemory = (
  store: Store,
  workspaceId: string,
  input: MemoryInput,
): Promise<MoleculeRecord> =>
  saveRecord(store, { kind: 'memory', workspaceId, key: crypto.randomUUID(), value: input })

const notFound = () => new DomainError('not_found', 'memory not found')

export function memoryRoutes(services: Services, limitBody: LimitBody) {
  const app = new Hono<AppEnv>()
  const texts = '/workspaces/:id/memories'
  const values = '/workspaces/:id/memory'

  app.get(texts, async (c) => {
    const { namespace, q, scope } = c.req.query()
    const rows = await listRecords(services, 'memory', [await idParam(services, c)], 'newest')
    return c.json(
      rows
        .map(toMemory)
        .filter((one) => !scope || one.scope === scope.toUpperCase())
        .filter((one) => !namespace || one.namespace === namespace)
        .filter((one) => !q || one.content.toLowerCase().includes(q.toLowerCase())),
    )
  })
  app.post(texts, limitBody, async (c) => {
    const input = parse(MemoryInput, await jsonOf(c))
    return c.json(
      toMemory(await createMemory(withCaller(services, c), await idParam(services, c), input)),
      201,
    )
  })
  app.delete(`${texts}/:memory`, async (c) => {
    if (!(await deleteRecord(services, 'memory', await idParam(services, c), c.req.param('memory'))))
      throw notFound()
    return c.json({ status: 'deleted' })
  })

  app.get(values, async (c) =>
    c.json((await listRecords(services, 'memory_key', [await idParam(services, c)])).map(toEntry)),
  )
  app.post(values, limitBody, async (c) => {
    const { key, ttl_seconds: seconds, value } = parse(KeyInput, await jsonOf(c))
    await saveRecord(withCaller(services, c), {
      kind: 'memory_key',
      workspaceId: await idParam(services, c),
      key,
      value: { value },
      ...(seconds === undefined ? {} : { expiresAt: new Date(services.now().getTime() + seconds * 1_000) }),
    })
    return c.json({ status: 'ok', key })
  })
  app.get(`${values}/:key`, async (c) => {
    const row = await findRecord(services, 'memory_key', await idParam(services, c), c.req.param('key'))
    if (row === undefined) throw notFound()
    return c.json(toEntry(row))
  })
  app.delete(`${values}/:key`, async (c) => {
    if (!(await deleteRecord(services, 'memory_key', await idParam(services, c), c.req.param('key'))))
      throw notFound()
    return c.json({ status: 'deleted' })
  })
  return app
}

const toMemory = ({ createdAt, key, value, workspaceId }: MoleculeRecord) => {
  const { content, namespace, scope } = value as MemoryInput
  return {
    id: key,
    workspace_id: workspaceId,
    content,
    scope,
    namespace: namespace ?? 'general',
    created_at: createdAt.toISOString(),
  }
}

const toEntry = ({ expiresAt, key, updatedAt, value }: MoleculeRecord) => ({
  key,
  value: value['value'],
  expires_at: expiresAt?.toISOString() ?? null,
  updated_at: updatedAt.toISOString(),
})
