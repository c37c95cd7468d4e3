// MOLECULE_COMPAT: bundles: a workspace and its descendants as one JSON document, from which others are created. It has what
// describes them, and never secrets, tokens or files of a disk.
import { type Context, Hono } from 'hono'
import { z } from 'zod'
import type { Services } from '../../../lib/control-plane/services.ts'
import { childrenOf } from '../../../lib/molecule/names.ts'
import { getLivingWorkspace } from '../../../lib/lifecycle/queries.ts'
import type { Workspace } from '../../../lib/lifecycle/workspace.ts'
import { DomainError } from '../../../lib/platform/errors.ts'
import { machineTier } from '../../../lib/machines/runtimes.ts'
import type { AppEnv } from '../../http/app-env.ts'
import { ask, idParam, jsonFrom, jsonOf, type LimitBody, parse, type SendInner } from './request.ts'

/** Most workspaces of one bundle. */
const MAX_WORKSPACES = 100

type Bundle = {
  schema?: string | undefined
  id?: string | undefined
  name: string
  description?: string | null | undefined
  tier?: number | null | undefined
  runtime?: string | null | undefined
  model?: string | null | undefined
  config?: Record<string, unknown> | null | undefined
  labels?: Record<string, string> | null | undefined
  agent_card?: unknown
  sub_workspaces?: Bundle[] | null | undefined
}

const Bundle: z.ZodType<Bundle> = z.lazy(() =>
  z.object({
    schema: z.string().optional(),
    id: z.string().optional(),
    name: z.string().min(1),
    description: z.string().nullish(),
    tier: z.number().nullish(),
    runtime: z.string().nullish(),
    model: z.string().nullish(),
    config: z.record(z.string(), z.unknown()).nullish(),
    labels: z.record(z.string(), z.string()).nullish(),
    agent_card: z.unknown().optional(),
    sub_workspaces: z.array(Bundle).nullish(),
  }),
)

export function bundleRoutes(services: Services, limitBody: LimitBody, send: SendInner) {
  const app = new Hono<AppEnv>()

  app.get('/bundles/export/:id', async (c) => {
    const root = await getLivingWorkspace(services.db, await idParam(services, c))
    return c.json(await toBundle(services, root, { left: MAX_WORKSPACES }))
  })

  app.post('/bundles/import', limitBody, async (c) => {
    const bundle = parse(Bundle, await jsonOf(c))
    const count = sizeOf(bundle)
    if (count > MAX_WORKSPACES) throw tooMany()
    return importBundle(send, c, bundle)
  })
  return app
}

const tooMany = () => new DomainError('too_large', `a bundle has at most ${MAX_WORKSPACES} workspaces`)

const sizeOf = ({ sub_workspaces: children }: Bundle): number =>
  1 + (children ?? []).reduce((sum, child) => sum + sizeOf(child), 0)

/** @throws DomainError `too_large` */
async function toBundle(services: Services, row: Workspace, budget: { left: number }): Promise<Bundle> {
  if (budget.left-- < 1) throw tooMany()
  const children: Bundle[] = []
  for (const child of await childrenOf(services, row.id))
    children.push(await toBundle(services, child, budget))
  return {
    schema: 'molecule-fly/bundle-1',
    id: row.id,
    name: row.name,
    description: row.role ?? '',
    tier: machineTier(row),
    runtime: row.runtime,
    model: row.model ?? '',
    config: row.config,
    labels: row.labels,
    agent_card: row.agentCard,
    sub_workspaces: children,
  }
}

/** Creates the workspaces, parents first, with POST /workspaces: its rules and limits apply to each. */
async function importBundle(send: SendInner, c: Context<AppEnv>, root: Bundle): Promise<Response> {
  const created: { id: string; name: string }[] = []
  const waiting: { bundle: Bundle; parentId: string | null }[] = [{ bundle: root, parentId: null }]
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { bundle, parentId } = next
    const { config, description, labels, model, name, runtime, tier } = bundle
    const body = JSON.stringify({
      name,
      role: description,
      tier,
      runtime,
      model,
      config,
      labels,
      parent_id: parentId,
    })
    const answer = await ask(send, c, { method: 'POST', path: '/workspaces', body })
    if (!answer.ok) return created.length === 0 ? answer : incomplete(answer, created)
    const { id } = await jsonFrom<{ id: string }>(answer)
    created.push({ id, name })
    waiting.push(...(bundle.sub_workspaces ?? []).map((child) => ({ bundle: child, parentId: id })))
  }
  const [first] = created
  return c.json(
    { workspace_id: first?.id, name: root.name, status: 'provisioning', workspaces: created },
    201,
  )
}

/** The failure of one workspace, with those that were created before it. */
async function incomplete(answer: Response, created: unknown): Promise<Response> {
  const problem = await jsonFrom<Record<string, unknown>>(answer)
  return Response.json(
    { ...problem, workspaces: created },
    { status: answer.status, headers: { 'content-type': 'application/problem+json' } },
  )
}
