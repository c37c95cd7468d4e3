// /rollouts: a new image for the workspaces of a runtime, in tranches; its progress, and the commands halt, resume
// and roll back.
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { withRequestBudget } from '../../lib/platform/subrequest-budget.ts'
import { runRollouts } from '../../lib/rollouts/run-rollouts.ts'
import {
  listRollouts,
  listRuntimes,
  readRollout,
  type RolloutProgress,
  type RuntimeImage,
} from '../../lib/rollouts/list-rollouts.ts'
import { RolloutInput } from '../../lib/rollouts/plan.ts'
import type { Rollout } from '../../lib/rollouts/rollout.ts'
import { startRollout } from '../../lib/rollouts/start-rollout.ts'
import { haltRollout, resumeRollout, rollBackRollout } from '../../lib/rollouts/rollout-commands.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { RUNTIMES } from '../../lib/machines/runtimes.ts'
import type { AppEnv } from '../http/app-env.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, json, jsonBody, problem } from '../http/openapi.ts'
import { linkNextPage } from '../http/next-page.ts'
import { reconcileAfterResponse } from '../http/reconcile-after-response.ts'
import { cursorOf, parseCursor } from '../http/time-cursor.ts'
import { withCaller } from '../http/with-caller.ts'
import { RolloutReason } from './workspaces/view.ts'
import { isUuid, uuidInput } from '../../lib/platform/uuid.ts'

const RolloutView = described(() =>
  z
    .object({
      id: z.uuid(),
      runtime: z.string(),
      image: z.string(),
      previous_image: z.string(),
      state: z.enum(['running', 'halted', 'rolling_back', 'rolled_back', 'completed']),
      reason: z.union([RolloutReason, z.null()]),
      tranche: z.int().describe('The current tranche, counted from 1.'),
      tranches: z
        .array(z.union([z.int(), z.literal('all')]))
        .describe('How many workspaces have the image at the end of each tranche.'),
      max_failures: z.int(),
      ready_seconds: z.int().nullable(),
      watch_seconds: z.int(),
      busy_seconds: z.int(),
      when_busy: z.enum(['skip', 'wait', 'restart']),
      started_by: z.string(),
      tranche_since: z.iso.datetime(),
      watching_since: z.iso.datetime().nullable(),
      created_at: z.iso.datetime(),
      updated_at: z.iso.datetime(),
      finished_at: z.iso.datetime().nullable(),
    })
    .openapi('Rollout'),
)

const ProgressView = described(() =>
  RolloutView.extend({
    counts: z.object({
      updating: z.int(),
      ready: z.int(),
      failed: z.int(),
      deaths: z.int(),
      expected_deaths: z.number(),
      waiting_idle: z.int(),
      waiting_busy: z.int(),
      restoring: z.int(),
    }),
    workspaces: z.array(
      z.object({
        workspace_id: z.uuid(),
        name: z.string(),
        status: z.string(),
        tranche: z.int(),
        state: z.enum(['updating', 'ready', 'failed', 'left', 'restoring', 'restored']),
        reason: z.union([RolloutReason, z.null()]),
        started_at: z.iso.datetime(),
        ready_at: z.iso.datetime().nullable(),
      }),
    ),
  }).openapi('RolloutProgress'),
)

const RuntimeView = described(() =>
  z
    .object({
      runtime: z.string(),
      image: z.string(),
      configured_image: z.string(),
      policy: z.enum(['manual', 'auto']),
      published: z.object({ image: z.string(), tag: z.string(), seen_at: z.iso.datetime() }).nullable(),
      rollout_id: z.uuid().nullable(),
    })
    .openapi('Runtime'),
)

const WebhookView = described(() =>
  z.object({
    path: z.string(),
    setting: z.string(),
    is_set: z.boolean().describe('Without its setting a webhook answers 404.'),
  }),
)

const RolloutParam = z.object({
  id: uuidInput().openapi({ param: { name: 'id', in: 'path' } }),
})

const startRoute = createRoute({
  method: 'post',
  path: '/rollouts',
  operationId: 'startRollout',
  request: { body: jsonBody(RolloutInput) },
  responses: described(() => ({
    201: json(RolloutView, 'Started, with `image` or with the `digest` of the configured image.'),
    400: problem('A field is invalid, or the image is not allowed.'),
    409: problem('The runtime has an active rollout, which the detail names.'),
  })),
})

const listRoute = createRoute({
  method: 'get',
  path: '/rollouts',
  operationId: 'listRollouts',
  request: {
    query: z.object({
      runtime: z.enum(RUNTIMES).optional(),
      limit: z.coerce.number().int().min(1).max(100).default(20),
      cursor: z.string().optional(),
    }),
  },
  responses: described(() => ({
    200: json(
      z.object({
        rollouts: z.array(RolloutView),
        runtimes: z.array(RuntimeView),
        webhooks: z.array(WebhookView),
      }),
      'Rollouts, newest first; the image of each runtime; and the webhooks that report new images. The Link header with rel="next" leads to the next page of rollouts.',
    ),
    400: problem('A query parameter is invalid.'),
  })),
})

const readRoute = createRoute({
  method: 'get',
  path: '/rollouts/{id}',
  operationId: 'getRollout',
  request: { params: RolloutParam },
  responses: described(() => ({
    200: json(ProgressView, 'The progress, for each workspace.'),
    404: problem('No such rollout.'),
  })),
})

const commandRoute = (command: 'halt' | 'resume' | 'rollback', description: string) =>
  createRoute({
    method: 'post',
    path: `/rollouts/{id}/${command}`,
    operationId: `${command}Rollout`,
    request: { params: RolloutParam },
    responses: described(() => ({
      200: json(RolloutView, description),
      404: problem('No such rollout.'),
      409: problem('Not possible in its current state, which the detail names.'),
    })),
  })

const haltRoute = commandRoute(
  'halt',
  described(() => 'No more workspaces receive the image; those that have it keep it.'),
)
const resumeRoute = commandRoute(
  'resume',
  described(() => 'The rollout continues; after a trial, with all remaining workspaces.'),
)
const rollbackRoute = commandRoute(
  'rollback',
  described(
    () => 'All workspaces with the image receive the previous one, also after the rollout has completed.',
  ),
)

/** Runs the rollouts after the response, and reconciles the workspaces that they restart. */
export function advanceRollouts(services: Services, c: Context<AppEnv>): void {
  const budgeted = withRequestBudget(services)
  c.executionCtx.waitUntil(runRollouts(budgeted).then((ids) => reconcileAfterResponse(budgeted, c, ids)))
}

export function rolloutRoutes(services: Services) {
  const app = createRouter()

  app.openapi(startRoute, async (c) => {
    const rollout = await startRollout(withCaller(services, c), c.req.valid('json'))
    advanceRollouts(services, c)
    c.header('location', `/rollouts/${rollout.id}`)
    return c.json(toView(rollout), 201)
  })
  app.openapi(listRoute, async (c) => {
    const { cursor, limit, runtime } = c.req.valid('query')
    const [{ more, rows }, runtimes] = await Promise.all([
      listRollouts(services, { limit, runtime, before: parseCursor(cursor, isUuid) }),
      listRuntimes(services),
    ])
    const last = more ? rows.at(-1) : undefined
    linkNextPage(services.config, c, limit, last && cursorOf(last))
    const { gitea, github } = services.config.forgeSecrets
    const webhooks = [
      { path: '/webhooks/github', setting: 'GITHUB_WEBHOOK_SECRET', is_set: github !== undefined },
      { path: '/webhooks/gitea', setting: 'GITEA_WEBHOOK_SECRET', is_set: gitea !== undefined },
    ]
    return c.json({ rollouts: rows.map(toView), runtimes: runtimes.map(toRuntimeView), webhooks }, 200)
  })
  app.openapi(readRoute, async (c) =>
    c.json(toProgressView(await readRollout(services, c.req.valid('param').id)), 200),
  )
  app.openapi(haltRoute, async (c) =>
    c.json(toView(await haltRollout(withCaller(services, c), c.req.valid('param').id)), 200),
  )
  app.openapi(resumeRoute, async (c) => {
    const rollout = await resumeRollout(withCaller(services, c), c.req.valid('param').id)
    advanceRollouts(services, c)
    return c.json(toView(rollout), 200)
  })
  app.openapi(rollbackRoute, async (c) => {
    const rollout = await rollBackRollout(withCaller(services, c), c.req.valid('param').id)
    advanceRollouts(services, c)
    return c.json(toView(rollout), 200)
  })
  return app
}

const at = (date: Date | null) => date?.toISOString() ?? null

function toView(rollout: Rollout): z.infer<typeof RolloutView> {
  const { targets, ...plan } = rollout.plan
  return {
    id: rollout.id,
    runtime: rollout.runtime,
    image: rollout.image,
    previous_image: rollout.previousImage,
    state: rollout.state,
    reason: rollout.reason,
    tranche: rollout.tranche + 1,
    tranches: [...targets, 'all'],
    ...plan,
    started_by: rollout.startedBy,
    tranche_since: rollout.trancheSince.toISOString(),
    watching_since: at(rollout.watchingSince),
    created_at: rollout.createdAt.toISOString(),
    updated_at: rollout.updatedAt.toISOString(),
    finished_at: at(rollout.finishedAt),
  }
}

function toProgressView({ counted, members, rollout }: RolloutProgress): z.infer<typeof ProgressView> {
  return {
    ...toView(rollout),
    counts: {
      updating: counted.updating,
      ready: counted.ready,
      failed: counted.failed,
      deaths: counted.deaths,
      expected_deaths: counted.expectedDeaths,
      waiting_idle: counted.idle + counted.toRestore,
      waiting_busy: counted.busy + counted.toRestoreBusy,
      restoring: counted.restoring,
    },
    workspaces: members.map((member) => ({
      workspace_id: member.workspaceId,
      name: member.name,
      status: member.status,
      tranche: member.tranche + 1,
      state: member.state,
      reason: member.reason,
      started_at: member.startedAt.toISOString(),
      ready_at: at(member.readyAt),
    })),
  }
}

const toRuntimeView = ({ published, ...runtime }: RuntimeImage): z.infer<typeof RuntimeView> => ({
  runtime: runtime.runtime,
  image: runtime.image,
  configured_image: runtime.configured,
  policy: runtime.policy,
  published:
    published === null
      ? null
      : { image: published.image, tag: published.tag, seen_at: published.seenAt.toISOString() },
  rollout_id: runtime.rolloutId,
})
