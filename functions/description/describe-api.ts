// The API description (OpenAPI 3.1), complete: what the routes declare, with credentials from the access policy,
// groups, texts, the answers and headers that every route has, and events as webhooks. Generated at the first
// request for it on Node, and by `npm ci` for Workers (commands/build-description.ts).
import type { OpenAPIHono } from '@hono/zod-openapi'
import { EVENT_TYPES } from '../../lib/events/event-types.ts'
import type { AppEnv } from '../http/app-env.ts'
import type { DescribeApi } from '../http/openapi.ts'
import { VERSION } from '../http/version.ts'
import { accessText, policyOf, SECURITY_SCHEMES, securityOf } from './access.ts'
import { addFieldTexts } from './add-field-texts.ts'
import type { ApiDocument, Operation, Parameter } from './api-document.ts'
import { commonResponses, RESPONSES } from './common-responses.ts'
import { addHeaders, HEADER_PARAMETERS, HEADERS } from './headers.ts'
import { serversOf } from './asset.ts'
import { TAG_ORDER, tagOf, TAGS } from './tags.ts'
import { OPERATIONS } from './texts/operations.ts'
import { PARAMETERS } from './texts/parameters.ts'

const INFO = {
  title: 'Molecule Fly',
  version: VERSION,
  summary: 'Workspaces for AI agents, on Fly Machines or with Docker.',
  description:
    'One request creates a workspace: a machine with an agent in it. A2A messages are proxied to the agent. Times are RFC 3339 in UTC. Failures are problem documents (RFC 9457) with a stable `code`; failures of `/a2a` are JSON-RPC errors. Invalid input is answered with 400 and the name of the field.',
  license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
  contact: { name: 'Issues', url: 'https://github.com/molecule-fly/molecule-fly/issues' },
}

/** Generates the document at the first request. */
export const describeApi: DescribeApi = (app, publicUrl) => {
  let document: ApiDocument | undefined
  return (c) => c.json((document ??= generate(app, publicUrl)))
}

function generate(app: OpenAPIHono<AppEnv>, publicUrl: string | undefined): ApiDocument {
  const generated = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: INFO,
    servers: serversOf(publicUrl),
  }) as unknown as ApiDocument
  for (const [path, methods] of Object.entries(generated.paths)) {
    for (const [method, operation] of Object.entries(methods)) completeOperation(method, path, operation)
  }
  addFieldTexts(generated)
  return {
    ...generated,
    tags: tagsOf(generated),
    webhooks: eventWebhooks(),
    components: {
      ...generated.components,
      securitySchemes: SECURITY_SCHEMES,
      headers: HEADERS,
      parameters: HEADER_PARAMETERS,
      responses: RESPONSES,
    },
  }
}

/** The tags in use, in their order. */
function tagsOf({ paths }: ApiDocument): NonNullable<ApiDocument['tags']> {
  const used = new Set(
    Object.values(paths).flatMap((methods) => Object.values(methods).flatMap(({ tags }) => tags)),
  )
  return TAG_ORDER.filter((name) => used.has(name)).flatMap((name) =>
    TAGS.filter((tag) => tag.name === name).map(({ description }) => ({ name, description })),
  )
}

function completeOperation(method: string, path: string, operation: Operation): void {
  const policy = policyOf(method, path)
  if (policy === undefined) throw new Error(`${method} ${path} has no access policy`)
  const { operationId } = operation
  const text = OPERATIONS[operationId]
  const description = operation.description ?? text?.description ?? ''
  operation.summary = text?.summary ?? ''
  operation.description = `${description}\n\n${accessText(policy)}`
  operation.tags = [tagOf(path)]
  operation.security = securityOf(policy)
  operation.parameters = operation.parameters?.map((parameter) => describeParameter(operationId, parameter))
  addHeaders(operation, typeof policy === 'object')
  operation.responses = { ...operation.responses, ...commonResponses(policy, operation) }
}

function describeParameter(operationId: string, parameter: Parameter): Parameter {
  if (parameter.$ref !== undefined || parameter.name === undefined) return parameter
  const { description: own, ...schema } = parameter.schema ?? {}
  const text = PARAMETERS[`${operationId}.${parameter.name}`] ?? PARAMETERS[parameter.name]
  return { ...parameter, schema, description: parameter.description ?? own ?? text ?? '' }
}

/** Each event type as a request to a webhook endpoint. */
function eventWebhooks(): NonNullable<ApiDocument['webhooks']> {
  return Object.fromEntries(
    Object.entries(EVENT_TYPES).map(([type, { says }]) => [
      type,
      {
        post: {
          operationId: `deliver_${type}`,
          summary: type,
          description: `${says} Sent to webhook endpoints as a Standard Webhook.`,
          tags: ['Webhook endpoints'],
          security: [{ webhookSignature: [] }],
          requestBody: {
            required: true,
            content: { 'application/json': { schema: { $ref: `#/components/schemas/${schemaName(type)}` } } },
          },
          responses: {
            '2XX': { description: 'Delivered.' },
            '4XX': { description: 'Refused. The delivery is repeated; 410 disables the endpoint.' },
          },
        },
      },
    ]),
  )
}

const schemaName = (type: string) =>
  `${type.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())}Event`
