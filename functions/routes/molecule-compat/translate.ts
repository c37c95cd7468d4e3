// MOLECULE_COMPAT: translates the requests and responses of this API's own routes for Molecule's clients, which read other
// members than it has and send some that it does not know (docs/molecule.md lists all of it).
import type { Context, MiddlewareHandler } from 'hono'
import type { Services } from '../../../lib/control-plane/services.ts'
import { DomainError, invalidField } from '../../../lib/platform/errors.ts'
import { isObject } from '../../../lib/platform/json-object.ts'
import { isNestedWithin, MAX_NESTING } from '../../../lib/platform/postgres-text.ts'
import { uuidInput } from '../../../lib/platform/uuid.ts'
import { saveRecord } from '../../../lib/molecule/records.ts'
import type { AppEnv } from '../../http/app-env.ts'
import { withCaller } from '../../http/with-caller.ts'
import type { NeedsNoToken } from './elevate.ts'
import { textsIn } from './cli-message.ts'
import { connectionOf } from './connection.ts'
import { layoutsOf, type Layout, splitLayout } from './layout.ts'
import { createMemory, memoriesOf } from './memories.ts'
import { registryWithoutToken } from './register.ts'
import { type Json, rewriteAnswer, type Translation } from './request.ts'
import { toCoreSchedule, withScheduleNames } from './schedules.ts'

/** Runs after the authorization and the limit of the body. */
export function translateForMolecule(
  services: Services,
  needsNoToken: NeedsNoToken,
): MiddlewareHandler<AppEnv> {
  const translations: Record<string, Translation> = {
    ...translationsOf(services),
    ...registryWithoutToken(services, needsNoToken),
  }
  return async (c, next) => {
    const translation = translations[c.get('route')?.name ?? '']
    return translation === undefined ? next() : translation(c, next)
  }
}

function translationsOf(services: Services): Record<string, Translation> {
  const saveLayout = async (c: Context<AppEnv>, workspaceId: string, value: Layout) => {
    if (Object.keys(value).length === 0) return
    await saveRecord(withCaller(services, c), { kind: 'layout', workspaceId, key: '', value })
  }

  /** Adds what Molecule's clients read to the workspaces of a response. */
  const withMembers: Translation = async (c, next) => {
    await next()
    if (c.res.status >= 300) return
    await rewriteAnswer(c, async (rows) => {
      const ids = rows.map(({ id }) => String(id))
      const layouts = await layoutsOf(services, ids)
      return rows.map((row) => toMoleculeView(row, layouts.get(String(row['id']))))
    })
  }

  return {
    'GET /workspaces': withMembers,
    'GET /workspaces/:id': withMembers,

    'POST /workspaces': async (c, next) => {
      const body = await bodyOf(c)
      if (body === undefined) return next()
      const { layout, rest } = splitLayout(body)
      const { initial_memories: given, ...input } = toKnownInput(rest)
      const memories = memoriesOf(given)
      replaceBody(c, input)
      await next()
      if (c.res.status !== 201) return
      await rewriteAnswer(c, async ([created = {}]) => {
        const id = String(created['id'])
        await saveLayout(c, id, layout)
        for (const memory of memories) await createMemory(withCaller(services, c), id, memory)
        return [{ ...toMoleculeView(created, layout), ...(await connectionOf(services, c, created)) }]
      })
    },

    'PATCH /workspaces/:id': async (c, next) => {
      const body = await bodyOf(c)
      if (body === undefined) return next()
      const { layout, rest } = splitLayout(body)
      const id = idOf(c)
      if (Object.keys(layout).length > 0 && Object.keys(rest).length === 0) {
        await saveLayout(c, id, layout)
        return c.json({ status: 'updated' }, 200)
      }
      replaceBody(c, toKnownInput(rest))
      await next()
      if (c.res.status === 200) await saveLayout(c, id, layout)
    },

    // Its clients ask for the activity of workspaces that do not exist, and expect none (docs/facts/molecule.md §9.3).
    'GET /workspaces/:id/activity': async (c, next) => {
      await next()
      if (c.res.status === 404) c.res = c.json([])
      else if (c.res.status === 200) await rewriteAnswer(c, (rows) => rows.map(withInboundMembers))
    },

    'POST /workspaces/:id/activity': async (c, next) => {
      const body = await bodyOf(c)
      // Its clients look for this name (docs/facts/molecule.md §9.3).
      if (body !== undefined && body['activity_type'] === undefined)
        throw new DomainError('invalid_input', 'activity_type (ActivityType) is required')
      return next()
    },

    // The MCP server sends a category and no message (docs/facts/molecule.md §8.2).
    'POST /workspaces/:id/notify': async (c, next) => {
      const body = await bodyOf(c)
      if (body !== undefined && body['message'] === undefined && typeof body['type'] === 'string')
        replaceBody(c, { ...body, message: body['type'] })
      await next()
      // Its clients look for this name (docs/facts/molecule.md §9.3).
      if (c.res.status === 400) await rewriteAnswer(c, (problems) => problems.map(withAttachmentNames))
    },

    'GET /registry/discover/:id': async (c, next) => {
      // Its clients look for this text (docs/facts/molecule.md §2.6).
      if (c.req.header('x-workspace-id') === undefined)
        throw new DomainError('invalid_input', 'X-Workspace-ID header is required')
      return next()
    },

    'GET /workspaces/:id/schedules': withScheduleNames,
    'POST /workspaces/:id/schedules': async (c, next) => {
      const body = await bodyOf(c)
      if (body !== undefined) replaceBody(c, toCoreSchedule(body))
      return withScheduleNames(c, next)
    },
    'PATCH /workspaces/:id/schedules/:schedule': async (c, next) => {
      const body = await bodyOf(c)
      if (body !== undefined) replaceBody(c, toCoreSchedule(body, c.req.path.split('/')[4]))
      return withScheduleNames(c, next)
    },
  }
}

const idOf = (c: Context<AppEnv>): string => {
  const parsed = uuidInput().safeParse(c.get('route')?.workspaceId)
  if (parsed.data === undefined) throw new DomainError('not_found', 'workspace not found')
  return parsed.data
}

/** The body as an object; undefined for another one, and for one too deep to be written again: both are left to the route. */
async function bodyOf(c: Context<AppEnv>): Promise<Json | undefined> {
  try {
    const body: unknown = await c.req.json()
    return isObject(body) && isNestedWithin(MAX_NESTING, body) ? body : undefined
  } catch {
    return undefined
  }
}

/** Later handlers read this body. */
function replaceBody(c: Context<AppEnv>, body: Json): void {
  c.req.bodyCache = { text: Promise.resolve(JSON.stringify(body)) } as unknown as typeof c.req.bodyCache
}

/** Molecule's smallest size, which its clients ask for by default, has no machine of its own here. */
const MOLECULE_SMALLEST_TIER = 1
const SMALLEST_TIER = 2

/** Members with which Molecule's clients ask for nothing. */
const isEmptyWish = ([name, value]: [string, unknown]) =>
  (name === 'workspace_access' && value === 'none') || (name === 'workspace_dir' && value === '')

/** @throws DomainError `invalid_input` for what this control plane cannot honour and that costs money */
function toKnownInput(body: Json): Json {
  if (typeof body['budget_limit'] === 'number')
    throw invalidField('budget_limit', 'this server enforces no budgets: create the workspace without one')
  const input = Object.fromEntries(Object.entries(body).filter((member) => !isEmptyWish(member)))
  return input['tier'] === MOLECULE_SMALLEST_TIER ? { ...input, tier: SMALLEST_TIER } : input
}

/** `attachments.0.uri` is `attachment[0].uri` to Molecule's clients. */
const withAttachmentNames = (problem: Json): Json => ({
  ...problem,
  error: String(problem['error']).replaceAll(/\battachments\.(\d+)/g, 'attachment[$1]'),
})

/** What the Python SDK reads of a message (docs/facts/molecule.md §8.3): its text, and the workspace that sent it. */
function withInboundMembers(row: Json): Json {
  const { activity_type: type, method, request_body: body, source_id: from } = row
  if (type !== 'a2a_receive' || method === 'notify' || !isObject(body)) return row
  const params = isObject(body['params']) ? body['params'] : {}
  const source = from === null ? 'canvas_user' : 'peer_agent'
  const text = textsIn(params['message']).join('\n')
  return { ...row, source, data: { source, source_id: from ?? '', text } }
}

function toMoleculeView(view: Json, layout: Layout = {}): Json {
  const { x = 0, y = 0, collapsed = false } = layout
  return {
    ...view,
    // What the agent reported; `endpoint` is where it is reached.
    url: view['agent_url'] ?? '',
    x,
    y,
    collapsed,
    canvas: { x, y },
    budget_limit: null,
    workspace_dir: null,
    workspace_access: 'none',
  }
}
