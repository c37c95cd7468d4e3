// /workspaces/:id/secrets and /settings/secrets: encrypted secrets of one workspace or of all (docs/facts/molecule.md
// §2.8). Values are write-only; only the workspace itself may read them.
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { withRequestBudget } from '../../lib/platform/subrequest-budget.ts'
import { DomainError } from '../../lib/platform/errors.ts'
import { deleteSecret, saveSecret, scopeOf } from '../../lib/workspaces/change-secrets.ts'
import {
  listSecrets,
  readSecrets,
  type Secret,
  SecretsUnreadable,
  UNREADABLE_HINT,
} from '../../lib/secrets/read-secrets.ts'
import { restartForSecrets } from '../../lib/workspaces/restart-for-secrets.ts'
import type { SecretLocation } from '../../lib/secrets/seal.ts'
import { SaveSecretInput, SecretKey } from '../../lib/secrets/secret-input.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { getLivingWorkspace } from '../../lib/lifecycle/queries.ts'
import type { AppEnv } from '../http/app-env.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, IdParam, json, jsonBody, problem } from '../http/openapi.ts'
import { reconcileAfterResponse } from '../http/reconcile-after-response.ts'
import { withCaller } from '../http/with-caller.ts'

const SecretView = described(() =>
  z
    .object({
      key: z.string(),
      has_value: z.literal(true),
      scope: z.enum(['workspace', 'global']),
      created_at: z.iso.datetime(),
      updated_at: z.iso.datetime(),
    })
    .openapi('Secret'),
)

const Restart = z.object({
  restart: z.enum(['true', 'false']).optional(),
})

const Changed = <Status extends 'saved' | 'deleted'>(status: Status) =>
  z.object({
    status: z.literal(status),
    key: z.string(),
    scope: z.enum(['workspace', 'global']),
    restarting: z.array(z.uuid()),
    more_to_restart: z.boolean(),
  })

const CHANGED =
  'Machines receive the change at their next restart (`needs_restart`), or now with `?restart=true`; `more_to_restart`: repeat the request for the next ones.'

/** The routes for the secrets of one workspace or of all; they differ in their path only. */
function routesOf<Params extends z.ZodObject, KeyParams extends z.ZodObject>(
  name: string,
  path: string,
  params: Params,
  keyParams: KeyParams,
) {
  const saveRoute = <Method extends 'put' | 'post'>(method: Method) =>
    createRoute({
      method,
      path,
      operationId: method === 'put' ? `save${name}Secret` : `post${name}Secret`,
      request: {
        params,
        query: Restart,
        body: jsonBody(SaveSecretInput),
      },
      responses: described(() => ({
        200: json(Changed('saved'), `Sealed and stored. ${CHANGED}`),
        400: problem('A field is invalid; nothing was stored.'),
        404: problem('No such workspace.'),
        409: problem('There are too many secrets.'),
        503: problem('SECRETS_ENCRYPTION_KEY is not set, or does not open the stored secrets.'),
      })),
    })
  return {
    list: createRoute({
      method: 'get',
      path,
      operationId: `list${name}Secrets`,
      request: { params },
      responses: described(() => ({
        200: json(z.array(SecretView), 'Names in alphabetical order, never values.'),
        404: problem('No such workspace.'),
      })),
    }),
    put: saveRoute('put'),
    post: saveRoute('post'),
    delete: createRoute({
      method: 'delete',
      path: `${path}/{key}`,
      operationId: `delete${name}Secret`,
      request: { params: keyParams, query: Restart },
      responses: described(() => ({
        200: json(Changed('deleted'), `Deleted. ${CHANGED}`),
        404: problem('No such workspace or secret.'),
      })),
    }),
  }
}

const valuesRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}/secrets/values',
  operationId: 'readSecretValues',
  request: { params: IdParam },
  responses: described(() => ({
    200: json(z.record(z.string(), z.string()), 'All values by name, for the workspace itself only.'),
    403: problem('Only the workspace itself may read them, with its own token.'),
    404: problem('No such workspace.'),
    503: problem('Some values cannot be decrypted, so none is returned. `failed_keys` names them.'),
  })),
})

export function secretRoutes(services: Services) {
  const app = createRouter()

  const restartIfRequested = async (
    c: Context<AppEnv>,
    { key, workspaceId }: SecretLocation,
    restart: string | undefined,
  ) => {
    const budgeted = withRequestBudget(services)
    const { restarted, more } =
      restart === 'true'
        ? await restartForSecrets(withCaller(budgeted, c), workspaceId)
        : { restarted: [], more: false }
    await reconcileAfterResponse(budgeted, c, restarted)
    return { key, scope: scopeOf({ workspaceId }), restarting: restarted, more_to_restart: more }
  }
  const save = async (
    c: Context<AppEnv>,
    place: SecretLocation,
    value: string,
    restart: string | undefined,
  ) => {
    await saveSecret(withCaller(services, c), place, value)
    return { status: 'saved' as const, ...(await restartIfRequested(c, place, restart)) }
  }
  const remove = async (c: Context<AppEnv>, place: SecretLocation, restart: string | undefined) => {
    await deleteSecret(withCaller(services, c), place)
    return { status: 'deleted' as const, ...(await restartIfRequested(c, place, restart)) }
  }

  const workspace = routesOf(
    'Workspace',
    '/workspaces/{id}/secrets',
    IdParam,
    IdParam.extend({ key: SecretKey }),
  )
  app.openapi(workspace.list, async (c) => {
    const { id } = c.req.valid('param')
    await getLivingWorkspace(services.db, id)
    return c.json((await listSecrets(services.db, id)).map(toView), 200)
  })
  for (const route of [workspace.put, workspace.post]) {
    app.openapi(route, async (c) => {
      const { key, value } = c.req.valid('json')
      const place = { workspaceId: c.req.valid('param').id, key }
      return c.json(await save(c, place, value, c.req.valid('query').restart), 200)
    })
  }
  app.openapi(workspace.delete, async (c) => {
    const { id, key } = c.req.valid('param')
    return c.json(await remove(c, { workspaceId: id, key }, c.req.valid('query').restart), 200)
  })

  app.openapi(valuesRoute, async (c) => {
    const { id } = c.req.valid('param')
    await getLivingWorkspace(services.db, id)
    c.header('cache-control', 'no-store')
    return c.json(await valuesOf(services, id), 200)
  })

  const global = routesOf('Global', '/settings/secrets', z.object({}), z.object({ key: SecretKey }))
  app.openapi(global.list, async (c) => c.json((await listSecrets(services.db, null)).map(toView), 200))
  for (const route of [global.put, global.post]) {
    app.openapi(route, async (c) => {
      const { key, value } = c.req.valid('json')
      const place = { workspaceId: null, key }
      return c.json(await save(c, place, value, c.req.valid('query').restart), 200)
    })
  }
  app.openapi(global.delete, async (c) => {
    const place = { workspaceId: null, key: c.req.valid('param').key }
    return c.json(await remove(c, place, c.req.valid('query').restart), 200)
  })

  return app
}

const toView = (secret: Secret): z.infer<typeof SecretView> => ({
  key: secret.key,
  has_value: true,
  scope: scopeOf(secret),
  created_at: secret.createdAt.toISOString(),
  updated_at: secret.updatedAt.toISOString(),
})

async function valuesOf(services: Services, id: string): Promise<Record<string, string>> {
  try {
    return await readSecrets(services, id)
  } catch (error) {
    if (!(error instanceof SecretsUnreadable)) throw error
    throw new DomainError('misconfigured', `${error.message}; ${UNREADABLE_HINT}`, {
      details: { failed_keys: error.failed },
    })
  }
}
