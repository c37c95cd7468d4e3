// MOLECULE_COMPAT: the figures of a workspace in Molecule's canvas: usage of the day, and what the month has cost
// (docs/facts/molecule.md §2.4). Prices are those of the machine and its disk, because no call of a model is seen here.
import { type Context, Hono } from 'hono'
import type { Services } from '../../../lib/control-plane/services.ts'
import { getLivingWorkspace } from '../../../lib/lifecycle/queries.ts'
import { costSince, readUsage } from '../../../lib/molecule/usage.ts'
import { invalidField } from '../../../lib/platform/errors.ts'
import { isObject } from '../../../lib/platform/json-object.ts'
import type { AppEnv } from '../../http/app-env.ts'
import { idParam, jsonOf, type LimitBody } from './request.ts'

const NO_BUDGETS = 'this server enforces no budgets: GET /fleet shows what the machines cost'

const BASIS = 'an estimate: the machine and its disk at list prices; calls of models are not known'

export function usageRoutes(services: Services, limitBody: LimitBody) {
  const app = new Hono<AppEnv>()
  const rowOf = async (c: Context<AppEnv>) => getLivingWorkspace(services.db, await idParam(services, c))

  async function budgetOf(c: Context<AppEnv>) {
    const dollars = await costSince(services, await rowOf(c), startOfMonth(services.now()))
    const cents = dollars === null ? null : Math.round(dollars * 100)
    const spent = { budget_used: cents, monthly_spend: cents, estimated_cost_usd: textOf(dollars) }
    return { budget_limit: null, ...spent, budget_remaining: null, basis: BASIS }
  }

  app.get('/workspaces/:id/metrics', async (c) => {
    const row = await rowOf(c)
    const start = startOfDay(services.now())
    const usage = await readUsage(services, row.id, start)
    return c.json({
      workspace_id: row.id,
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      total_calls: usage.calls,
      messages: usage.messages,
      errors: usage.errors,
      estimated_cost_usd: textOf(await costSince(services, row, start)),
      basis: BASIS,
      period_start: start.toISOString(),
      period_end: new Date(start.getTime() + 86_400_000).toISOString(),
    })
  })
  app.get('/workspaces/:id/budget', async (c) => c.json(await budgetOf(c)))
  app.patch('/workspaces/:id/budget', limitBody, async (c) => {
    const body = await jsonOf(c)
    if (!isObject(body) || body['budget_limit'] !== null) throw invalidField('budget_limit', NO_BUDGETS)
    return c.json(await budgetOf(c))
  })
  return app
}

const textOf = (dollars: number | null): string | null => dollars?.toFixed(6) ?? null

/** Days and months are those of UTC. */
const startOfDay = (now: Date) =>
  new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()))
const startOfMonth = (now: Date) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1))
