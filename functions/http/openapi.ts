// Building blocks of route definitions: routers, bodies, responses and parameters in the API description.
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Handler } from 'hono'
import type { AppEnv } from './app-env.ts'
import { Problem, toInvalidInput } from './problem.ts'
import { workspaceIdInput } from '../../lib/platform/uuid.ts'
import { described } from '../../lib/platform/described.ts'
import { validationText } from '../../lib/platform/validation-text.ts'

z.config({ customError: validationText })

/** A router that answers invalid input with a problem document that names the field. */
export const createRouter = () =>
  new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw toInvalidInput(result.error)
    },
  })

/**
 * Makes the handler of `GET /openapi.json` for an app. Each runtime has its own: Node generates the document
 * (functions/description/), a Worker reads it (functions/worker/describe-from-asset.ts).
 */
export type DescribeApi = (app: OpenAPIHono<AppEnv>, publicUrl: string | undefined) => Handler<AppEnv>

/** A request body in JSON. */
export const jsonBody = <Schema extends z.ZodType>(schema: Schema, required = true) => ({
  required,
  content: { 'application/json': { schema } },
})

export const nullableTimestamp = described(() => z.iso.datetime().nullable())

/** A response in JSON. */
export const json = <Schema extends z.ZodType>(schema: Schema, description: string) => ({
  content: { 'application/json': { schema } },
  description,
})

/** A failure, as a problem document. */
export const problem = (description: string) => ({
  content: { 'application/problem+json': { schema: Problem } },
  description,
})

/**
 * The workspace in the path, in lower case as it is stored. A caller may send its slug, which is replaced before
 * (functions/middleware/authorize.ts).
 */
export const IdParam = z.object({
  id: workspaceIdInput().openapi({ param: { name: 'id', in: 'path' } }),
})
