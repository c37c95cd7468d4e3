// MOLECULE_COMPAT: schedules under the names of Molecule's members. The schedules are this API's own, and are run by its
// cron. A schedule is known by its name, in the form that a path can have.
import { type Context, Hono } from 'hono'
import type { Services } from '../../../lib/control-plane/services.ts'
import { getSchedule } from '../../../lib/schedules/schedules.ts'
import { invalidField } from '../../../lib/platform/errors.ts'
import type { AppEnv } from '../../http/app-env.ts'
import { idParam, type Json, rewriteAnswer } from './request.ts'

const NAMES: readonly (readonly [ours: string, molecule: string])[] = [
  ['cron', 'cron_expr'],
  ['time_zone', 'timezone'],
  ['message', 'prompt'],
]

/** `Daily report` → `daily-report`. */
const toPathName = (name: string) =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 60)

/**
 * The body of a schedule with this API's members; one that has them already stays as it is.
 * @param current the name of the schedule that is changed
 * @throws DomainError `invalid_input` for another name, which a schedule cannot get
 */
export function toCoreSchedule(body: Json, current?: string): Json {
  const given = { ...body }
  for (const [ours, molecule] of NAMES) {
    if (given[molecule] !== undefined && given[ours] === undefined) given[ours] = given[molecule]
    delete given[molecule]
  }
  if (typeof given['name'] === 'string' && 'cron_expr' in body) given['name'] = toPathName(given['name'])
  if (current === undefined) return given
  const { name, ...changes } = given
  if (name !== undefined && name !== current)
    throw invalidField('name', `a schedule cannot be renamed: delete ${current}, and create another one`)
  return changes
}

/** Adds Molecule's members to the schedules of a response. */
export async function withScheduleNames(c: Context<AppEnv>, next: () => Promise<void>): Promise<void> {
  await next()
  if (c.res.status >= 300) return
  await rewriteAnswer(c, (rows) => rows.map(toMoleculeSchedule))
}

function toMoleculeSchedule(view: Json): Json {
  const failure = view['last_failure'] as { message: string } | null
  const ran = view['last_run_at'] !== null
  return {
    ...view,
    id: view['name'],
    ...Object.fromEntries(NAMES.map(([ours, molecule]) => [molecule, view[ours]])),
    last_status: failure === null ? (ran ? 'ok' : '') : 'error',
    last_error: failure?.message ?? '',
  }
}

export function scheduleCompatRoutes(services: Services) {
  const app = new Hono<AppEnv>()
  // The canvas sends the message itself afterwards, so nothing is sent here.
  app.post('/workspaces/:id/schedules/:schedule/run', async (c) => {
    const { message } = await getSchedule(services, await idParam(services, c), c.req.param('schedule'))
    return c.json({ prompt: message })
  })
  app.get('/workspaces/:id/schedules/:schedule/history', async (c) => {
    const { lastFailure, lastRunAt } = await getSchedule(
      services,
      await idParam(services, c),
      c.req.param('schedule'),
    )
    if (lastRunAt === null) return c.json([])
    return c.json([
      {
        timestamp: lastRunAt.toISOString(),
        status: lastFailure === null ? 'ok' : 'error',
        error_detail: lastFailure?.message ?? '',
      },
    ])
  })
  return app
}
