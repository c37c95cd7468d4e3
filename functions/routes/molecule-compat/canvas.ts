// MOLECULE_COMPAT: what Molecule's canvas asks for when it opens, and in the tabs of a workspace. What this control plane has
// is real; what it has none of is a true empty list; what it does not do is a 501 that says so.
import { Hono } from 'hono'
import { z } from 'zod'
import type { Services } from '../../../lib/control-plane/services.ts'
import { getLivingWorkspace } from '../../../lib/lifecycle/queries.ts'
import { DEFAULT_TIER } from '../../../lib/machines/machine-spec.ts'
import { machineTier, RUNTIMES } from '../../../lib/machines/runtimes.ts'
import { findRecord, saveRecord } from '../../../lib/molecule/records.ts'
import type { AppEnv } from '../../http/app-env.ts'
import { withCaller } from '../../http/with-caller.ts'
import {
  ask,
  idParam,
  jsonFrom,
  jsonOf,
  type LimitBody,
  notOffered,
  parse,
  type SendInner,
} from './request.ts'

const Viewport = z.object({ x: z.number(), y: z.number(), zoom: z.number().positive() })

const ModelInput = z.object({ model: z.string().max(100) })

const NO_PLUGINS = 'this server has no plugins: put skills into the image of the agent, or into `files`'
const NO_CHANNELS =
  'this server has no chat channels: an inbound webhook sends messages to a workspace (POST /workspaces/:id/hooks)'
const NO_TEAMS = 'this server expands no agents into teams: create the workspaces with parent_id'
const NO_AGENT_CHANGE =
  'a workspace has one agent, which its runtime decides: change runtime and model with PATCH /workspaces/:id'
const NO_TEMPLATES = 'templates are the runtimes of this server: name an image of your own with `image`'
const NO_ORG_TOKENS = 'tokens for all workspaces are made with POST /tokens'

export function canvasRoutes(services: Services, limitBody: LimitBody, send: SendInner) {
  const app = new Hono<AppEnv>()
  const at = (path: string) => `/workspaces/:id/${path}`
  const rowOf = async (c: Parameters<typeof idParam>[1]) =>
    getLivingWorkspace(services.db, await idParam(services, c))

  app.get('/canvas/viewport', async (c) =>
    c.json((await findRecord(services, 'viewport', null, ''))?.value ?? { x: 0, y: 0, zoom: 1 }),
  )
  app.put('/canvas/viewport', limitBody, async (c) => {
    const value = parse(Viewport, await jsonOf(c))
    await saveRecord(withCaller(services, c), { kind: 'viewport', workspaceId: null, key: '', value })
    return c.json({ status: 'saved' })
  })

  app.get('/templates', (c) =>
    c.json(
      RUNTIMES.map((runtime) => ({
        id: runtime,
        name: runtime,
        description: `The runtime ${runtime}`,
        runtime,
        tier: DEFAULT_TIER,
        model: '',
        models: [],
        required_env: [],
        skills: [],
        skill_count: 0,
      })),
    ),
  )
  app.post('/templates/import', notOffered(NO_TEMPLATES))
  app.get('/org/templates', (c) => c.json([]))
  app.post(
    '/org/import',
    notOffered('this server has no templates of whole organisations: create the workspaces with parent_id'),
  )
  app.get('/org/tokens', notOffered(NO_ORG_TOKENS))
  app.post('/org/tokens', notOffered(NO_ORG_TOKENS))
  app.delete('/org/tokens/:id', notOffered(NO_ORG_TOKENS))

  app.get(at('model'), async (c) => {
    const { model } = await rowOf(c)
    return c.json({ model: model ?? '', source: model === null ? 'default' : 'workspace' })
  })
  app.put(at('model'), limitBody, async (c) => {
    const { model } = parse(ModelInput, await jsonOf(c))
    const id = await idParam(services, c)
    const body = JSON.stringify({ model: model || null })
    const answer = await ask(send, c, { method: 'PATCH', path: `/workspaces/${id}`, body })
    return answer.ok ? c.json(model === '' ? { status: 'cleared' } : { status: 'saved', model }) : answer
  })

  const emptyWith = (path: string, body: object) =>
    app.get(at(path), async (c) => {
      await idParam(services, c)
      return c.json(body)
    })
  emptyWith('traces', { data: [] })
  // Every request is in this API's own audit log (GET /audit); Molecule's ledger is of decisions of agents.
  emptyWith('audit', { entries: [], cursor: null })
  emptyWith('shared-context', [])
  emptyWith('channels', [])
  emptyWith('plugins', [])
  emptyWith('plugins/available', [])
  app.get(at('plugins/compatibility'), notOffered(NO_PLUGINS))
  app.post(at('plugins'), notOffered(NO_PLUGINS))
  app.delete(at('plugins/:plugin'), notOffered(NO_PLUGINS))
  app.get(at('plugins/:plugin/download'), notOffered(NO_PLUGINS))
  app.get('/plugins', (c) => c.json([]))
  app.get('/plugins/sources', (c) => c.json({ schemes: [] }))
  app.get('/channels/adapters', (c) => c.json([]))
  for (const path of [
    '/channels/discover',
    at('channels'),
    at('channels/:channel/test'),
    at('channels/:channel/send'),
  ])
    app.post(path, notOffered(NO_CHANNELS))
  app.patch(at('channels/:channel'), notOffered(NO_CHANNELS))
  app.delete(at('channels/:channel'), notOffered(NO_CHANNELS))
  app.post(at('expand'), notOffered(NO_TEAMS))
  app.post(at('collapse'), notOffered(NO_TEAMS))
  for (const path of [at('agent'), at('agent/move')]) app.post(path, notOffered(NO_AGENT_CHANGE))
  app.patch(at('agent'), notOffered(NO_AGENT_CHANGE))
  app.delete(at('agent'), notOffered(NO_AGENT_CHANGE))

  app.get(at('console'), async (c) => {
    const { id, machineId } = await rowOf(c)
    const answer = await ask(send, c, { path: `/workspaces/${id}/logs?tail=1000` })
    if (!answer.ok) return answer
    const { lines } = await jsonFrom<{ lines: { message: string }[] }>(answer)
    return c.json({ output: lines.map(({ message }) => message).join('\n'), instance_id: machineId })
  })

  app.get(at('config'), async (c) => {
    const row = await rowOf(c)
    const { config, model, name, role, runtime } = row
    const tier = machineTier(row)
    return c.json({
      ...config,
      name,
      description: role ?? '',
      ...(tier === null ? {} : { tier }),
      runtime,
      ...(model === null ? {} : { model }),
    })
  })
  app.patch(at('config'), notOffered('change `config` with PATCH /workspaces/:id'))
  app.get(at('session-search'), notOffered('this server does not search the sessions of agents'))
  return app
}
