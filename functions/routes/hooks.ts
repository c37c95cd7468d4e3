// /workspaces/:id/hooks: inbound webhooks of a workspace, one for each name. hook-deliveries.ts receives their
// deliveries.
import { createRoute, z } from '@hono/zod-openapi'
import { callerKey } from '../../lib/auth/caller.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { CreateHookInput, HookName, RotateHookInput, UpdateHookInput } from '../../lib/hooks/hook-input.ts'
import {
  createHook,
  deleteHook,
  getHook,
  type Hook,
  type HookWithSecret,
  listHooks,
  rotateHook,
  updateHook,
} from '../../lib/hooks/hooks.ts'
import { SCHEMES } from '../../lib/hooks/verify.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, IdParam, json, jsonBody, nullableTimestamp, problem } from '../http/openapi.ts'
import { publicUrlOf } from '../http/public-url.ts'

const HookView = described(() =>
  z
    .object({
      name: z.string(),
      url: z.string(),
      workspace_id: z.uuid(),
      scheme: z.enum(SCHEMES),
      template: z.string(),
      events: z.array(z.string()).nullable(),
      delivery_header: z.string().nullable(),
      max_body_bytes: z.int().nullable(),
      enabled: z.boolean(),
      secret_set_at: nullableTimestamp,
      previous_secret_until: nullableTimestamp,
      created_by: z.string(),
      created_at: z.iso.datetime(),
      updated_at: z.iso.datetime(),
    })
    .openapi('Hook'),
)

const HookWithSecretView = described(() => HookView.extend({ secret: z.string().optional() }))

const HookParam = IdParam.extend({ hook: HookName.openapi({ param: { name: 'hook', in: 'path' } }) })

const path = '/workspaces/{id}/hooks'
const notFound = described(() => problem('No such workspace or hook.'))
const noKey = described(() => problem('SECRETS_ENCRYPTION_KEY is not set.'))

const createHookRoute = createRoute({
  method: 'post',
  path,
  operationId: 'createHook',
  description: described(
    () =>
      'An inbound webhook: what another system posts to `url` becomes a message to the workspace. `scheme` is how the sender authenticates: `standard` (Standard Webhooks), `github`, `gitea`, `slack`, `stripe` or `bearer`. `template` is the text of the message, with placeholders such as `{{pull_request.title}}`, `{{$event}}`, `{{$delivery}}`, `{{$payload}}`; without it the message is the payload. `events` are the accepted event names, exact or as `invoice.*`. `max_body_bytes` is the largest delivery that is accepted, below the limit of HOOK_MAX_BODY_BYTES.',
  ),
  request: { params: IdParam, body: jsonBody(CreateHookInput) },
  responses: described(() => ({
    201: json(
      HookWithSecretView,
      'Created. `secret` is shown only in this response, and only if it was generated here.',
    ),
    400: problem('A field is invalid.'),
    404: problem('No such workspace.'),
    409: problem('The name is in use, or there are too many hooks.'),
    503: noKey,
  })),
})

const listHooksRoute = createRoute({
  method: 'get',
  path,
  operationId: 'listHooks',
  request: { params: IdParam },
  responses: described(() => ({
    200: json(z.array(HookView), 'All hooks of the workspace, by name.'),
    404: problem('No such workspace.'),
  })),
})

const getHookRoute = createRoute({
  method: 'get',
  path: `${path}/{hook}`,
  operationId: 'getHook',
  request: { params: HookParam },
  responses: described(() => ({ 200: json(HookView, 'The hook, without its secret.'), 404: notFound })),
})

const updateHookRoute = createRoute({
  method: 'patch',
  path: `${path}/{hook}`,
  operationId: 'updateHook',
  request: { params: HookParam, body: jsonBody(UpdateHookInput) },
  responses: described(() => ({
    200: json(HookView, 'Changed, effective from the next delivery.'),
    400: problem('A field is invalid.'),
    404: notFound,
  })),
})

const deleteHookRoute = createRoute({
  method: 'delete',
  path: `${path}/{hook}`,
  operationId: 'deleteHook',
  request: { params: HookParam },
  responses: described(() => ({
    200: json(
      z.object({ status: z.literal('deleted'), name: z.string() }),
      'Deleted. Messages that it received are still delivered.',
    ),
    404: notFound,
  })),
})

const rotateHookRoute = createRoute({
  method: 'post',
  path: `${path}/{hook}/rotate`,
  operationId: 'rotateHookSecret',
  description: described(
    () =>
      'Replaces the secret. The previous one stays valid for `overlap_hours` (24 by default; 0 ends it at once).',
  ),
  request: { params: HookParam, body: jsonBody(RotateHookInput, false) },
  responses: described(() => ({
    200: json(
      HookWithSecretView,
      '`secret` is shown only in this response, and only if it was generated here.',
    ),
    400: problem('A field is invalid.'),
    404: notFound,
    503: noKey,
  })),
})

export function hookRoutes(services: Services) {
  const app = createRouter()

  app.openapi(createHookRoute, async (c) => {
    const by = callerKey(c.get('caller'))
    const created = await createHook(services, c.req.valid('param').id, c.req.valid('json'), by)
    const base = publicUrlOf(services.config, c)
    c.header('location', `${base}/workspaces/${created.hook.workspaceId}/hooks/${created.hook.name}`)
    c.header('cache-control', 'no-store')
    return c.json(withSecret(created, base), 201)
  })
  app.openapi(listHooksRoute, async (c) => {
    const found = await listHooks(services, c.req.valid('param').id)
    return c.json(
      found.map((hook) => toView(hook, publicUrlOf(services.config, c))),
      200,
    )
  })
  app.openapi(getHookRoute, async (c) => {
    const { hook, id } = c.req.valid('param')
    return c.json(toView(await getHook(services, id, hook), publicUrlOf(services.config, c)), 200)
  })
  app.openapi(updateHookRoute, async (c) => {
    const { hook, id } = c.req.valid('param')
    const updated = await updateHook(services, id, hook, c.req.valid('json'))
    return c.json(toView(updated, publicUrlOf(services.config, c)), 200)
  })
  app.openapi(deleteHookRoute, async (c) => {
    const { hook, id } = c.req.valid('param')
    await deleteHook(services, id, hook)
    return c.json({ status: 'deleted' as const, name: hook }, 200)
  })
  app.openapi(rotateHookRoute, async (c) => {
    const { hook, id } = c.req.valid('param')
    const rotated = await rotateHook(services, id, hook, RotateHookInput.parse(c.req.valid('json') ?? {}))
    c.header('cache-control', 'no-store')
    return c.json(withSecret(rotated, publicUrlOf(services.config, c)), 200)
  })

  return app
}

const withSecret = ({ hook, secret }: HookWithSecret, publicUrl: string) => ({
  ...toView(hook, publicUrl),
  ...(secret === undefined ? {} : { secret }),
})

const toView = (hook: Hook, publicUrl: string): z.infer<typeof HookView> => ({
  name: hook.name,
  url: `${publicUrl}/webhooks/workspaces/${hook.workspaceId}/${hook.name}`,
  workspace_id: hook.workspaceId,
  scheme: hook.scheme,
  template: hook.template,
  events: hook.events,
  delivery_header: hook.deliveryHeader,
  max_body_bytes: hook.maxBodyBytes,
  enabled: hook.enabled,
  secret_set_at: hook.secretSetAt?.toISOString() ?? null,
  previous_secret_until: hook.previousSecretUntil?.toISOString() ?? null,
  created_by: hook.createdBy,
  created_at: hook.createdAt.toISOString(),
  updated_at: hook.updatedAt.toISOString(),
})
