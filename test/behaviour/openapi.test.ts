// The API description is complete, its references resolve, and it matches the responses.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ApiDocument } from '../../functions/description/api-document.ts'
import { ROUTE_POLICIES } from '../../functions/access-policy.ts'
import { createHarness, type Harness } from '../support/harness.ts'

type Schema = ApiDocument['components']['schemas'][string] & { required?: string[] }
type Document = Required<ApiDocument> & { components: { schemas: Record<string, Schema> } }

const operationsOf = ({ paths }: ApiDocument) =>
  Object.values(paths).flatMap((methods) => Object.values(methods))

let h: Harness
let document: Document
beforeAll(async () => {
  h = await createHarness()
  document = (await h.request<Document>('/openapi.json')).body
})
afterAll(() => h.close())

test('the API description contains every route', () => {
  expect(document.openapi).toBe('3.1.0')
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  expect(operations.toSorted()).toEqual([
    'delete /disks/{disk}',
    'delete /settings/secrets/{key}',
    'delete /tokens/{id}',
    'delete /webhook-endpoints/{endpoint}',
    'delete /workspaces/{id}',
    'delete /workspaces/{id}/files/content',
    'delete /workspaces/{id}/holds/{hold}',
    'delete /workspaces/{id}/hooks/{hook}',
    'delete /workspaces/{id}/schedules/{schedule}',
    'delete /workspaces/{id}/secrets/{key}',
    'delete /workspaces/{id}/tokens/{token}',
    'get /admin/workspaces/{id}/test-token',
    'get /audit',
    'get /disks',
    'get /disks/{disk}',
    'get /disks/{disk}/snapshots',
    'get /events',
    'get /events/{id}',
    'get /fleet',
    'get /healthz',
    'get /livez',
    'get /me',
    'get /metrics',
    'get /prices',
    'get /readyz',
    'get /regions',
    'get /registry/discover/{id}',
    'get /registry/{id}/peers',
    'get /rollouts',
    'get /rollouts/{id}',
    'get /settings/secrets',
    'get /tokens',
    'get /webhook-endpoints',
    'get /webhook-endpoints/{endpoint}',
    'get /webhook-endpoints/{endpoint}/deliveries',
    'get /webhooks/workspaces/{id}/{hook}',
    'get /workspaces',
    'get /workspaces/{id}',
    'get /workspaces/{id}/a2a/.well-known/agent-card.json',
    'get /workspaces/{id}/activity',
    'get /workspaces/{id}/delegations',
    'get /workspaces/{id}/events',
    'get /workspaces/{id}/explain',
    'get /workspaces/{id}/files',
    'get /workspaces/{id}/files/content',
    'get /workspaces/{id}/holds',
    'get /workspaces/{id}/hooks',
    'get /workspaces/{id}/hooks/{hook}',
    'get /workspaces/{id}/logs',
    'get /workspaces/{id}/messages',
    'get /workspaces/{id}/messages/{message}',
    'get /workspaces/{id}/messages/{message}/response',
    'get /workspaces/{id}/schedules',
    'get /workspaces/{id}/schedules/{schedule}',
    'get /workspaces/{id}/secrets',
    'get /workspaces/{id}/secrets/values',
    'get /workspaces/{id}/snapshots',
    'get /workspaces/{id}/tokens',
    'patch /webhook-endpoints/{endpoint}',
    'patch /workspaces/{id}',
    'patch /workspaces/{id}/hooks/{hook}',
    'patch /workspaces/{id}/schedules/{schedule}',
    'post /registry/check-access',
    'post /registry/heartbeat',
    'post /registry/register',
    'post /registry/update-card',
    'post /rollouts',
    'post /rollouts/{id}/halt',
    'post /rollouts/{id}/resume',
    'post /rollouts/{id}/rollback',
    'post /settings/secrets',
    'post /tokens',
    'post /webhook-endpoints',
    'post /webhook-endpoints/{endpoint}/deliveries/replay',
    'post /webhook-endpoints/{endpoint}/deliveries/{seq}/replay',
    'post /webhook-endpoints/{endpoint}/rotate-secret',
    'post /webhook-endpoints/{endpoint}/test',
    'post /webhooks/gitea',
    'post /webhooks/github',
    'post /webhooks/workspaces/{id}/{hook}',
    'post /workspaces',
    'post /workspaces/{id}/a2a',
    'post /workspaces/{id}/a2a/{path}',
    'post /workspaces/{id}/activity',
    'post /workspaces/{id}/delegate',
    'post /workspaces/{id}/delegations/record',
    'post /workspaces/{id}/delegations/{delegation_id}/update',
    'post /workspaces/{id}/exec',
    'post /workspaces/{id}/files/archive',
    'post /workspaces/{id}/hibernate',
    'post /workspaces/{id}/holds',
    'post /workspaces/{id}/hooks',
    'post /workspaces/{id}/hooks/{hook}/rotate',
    'post /workspaces/{id}/messages/{message}/response',
    'post /workspaces/{id}/notify',
    'post /workspaces/{id}/pause',
    'post /workspaces/{id}/restart',
    'post /workspaces/{id}/restore',
    'post /workspaces/{id}/resume',
    'post /workspaces/{id}/schedules',
    'post /workspaces/{id}/secrets',
    'post /workspaces/{id}/snapshots',
    'post /workspaces/{id}/tokens',
    'put /settings/secrets',
    'put /workspaces/{id}/files/content',
    'put /workspaces/{id}/secrets',
  ])
})

test('every reference of the API description resolves', () => {
  const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(
    (match) => match[1] ?? '',
  )
  expect(references.length).toBeGreaterThan(0)
  for (const name of references) expect(Object.keys(document.components.schemas)).toContain(name)
})

test('the schema of a workspace has exactly the fields of a response', async () => {
  const row = await h.createWorkspace()
  expect(Object.keys(row).toSorted()).toEqual(document.components.schemas['Workspace']?.required?.toSorted())
})

test('every operation, parameter and member has a description', () => {
  const missing: string[] = []
  const check = (text: string | undefined, what: string) => {
    if (text === undefined || text.trim() === '') missing.push(what)
  }
  const checkSchema = (schema: Schema | boolean | undefined, owner: string): void => {
    if (typeof schema !== 'object') return
    for (const [name, member] of Object.entries(schema.properties ?? {})) {
      check(member.description, `${owner}.${name}`)
      checkSchema(member, owner)
    }
    for (const part of [
      schema.items,
      schema.additionalProperties,
      schema.anyOf,
      schema.oneOf,
      schema.allOf,
    ].flat())
      checkSchema(part, owner)
  }
  for (const [name, schema] of Object.entries(document.components.schemas)) checkSchema(schema, name)
  for (const operation of operationsOf(document)) {
    const { description = '', operationId, parameters = [], requestBody, responses, summary } = operation
    check(summary, operationId)
    check(description.split('\n\n')[0], operationId)
    for (const parameter of parameters)
      if (parameter.$ref === undefined) check(parameter.description, `${operationId} ${parameter.name ?? ''}`)
    for (const part of [requestBody, ...Object.values(responses)]) {
      const content = part !== undefined && 'content' in part ? part.content : undefined
      for (const { schema } of Object.values(content ?? {})) checkSchema(schema, operationId)
    }
  }
  expect(missing).toEqual([])
})

// Generators make one class of a named schema, so `null` belongs to the members that may be null.
test('no named schema of the API description is null itself', () => {
  const nullable = Object.entries(document.components.schemas).filter(
    ([, { type, anyOf = [], oneOf = [] }]) =>
      [type, ...[...anyOf, ...oneOf].map((part) => part.type)].flat().includes('null'),
  )
  expect(nullable.map(([name]) => name)).toEqual([])
})

test('where a request may name a workspace by its slug, the API description asks for no UUID', () => {
  const refused: string[] = []
  const check = (schema: Schema | undefined, owner: string): void => {
    expect(schema, owner).toBeDefined()
    const parts = [schema, schema?.items, ...(schema?.anyOf ?? [])].flatMap((part) => part ?? [])
    const isTooNarrow = parts.some(({ format, maxLength = Infinity }) => format === 'uuid' || maxLength < 63)
    if (isTooNarrow) refused.push(owner)
  }
  for (const [name, policy] of Object.entries(ROUTE_POLICIES)) {
    if (typeof policy !== 'object') continue
    const [method = '', route = ''] = name.split(' ')
    const path = route.replaceAll(/:(\w+)/g, '{$1}')
    const operation = document.paths[path]?.[method.toLowerCase()]
    for (const parameter of operation?.parameters ?? [])
      if (parameter.in === 'path' && /\b(?:its|or) slug/.test(parameter.description ?? ''))
        check(parameter.schema, `${name} ${parameter.name ?? ''}`)
    const query = (operation?.parameters ?? []).filter((parameter) => parameter.in === 'query')
    for (const member of policy.others?.query ?? [])
      check(query.find((parameter) => parameter.name === member)?.schema, `${name} ${member}`)
    for (const member of policy.others?.body ?? []) {
      const [first = '', second] = member.split('.')
      const found = operation?.requestBody?.content['application/json']?.schema?.properties?.[first]
      const inner = (found?.anyOf ?? []).find(
        ({ properties }) => second !== undefined && properties?.[second],
      )
      check(second === undefined ? found : inner?.properties?.[second], `${name} ${member}`)
    }
  }
  expect(refused).toEqual([])
})

test('every operation that needs a credential says which one', () => {
  const open = operationsOf(document).filter(({ security = [] }) => security.length === 0)
  expect(open.map(({ operationId }) => operationId).toSorted()).toEqual([
    'checkWebhookAddress',
    'getHealth',
    'getLiveness',
    'getReadiness',
  ])
  for (const { operationId, responses, security = [] } of operationsOf(document))
    if (security.length > 0) expect(Object.keys(responses), operationId).toContain('401')
})

test('every event type is a webhook in the API description', () => {
  const schemas = Object.keys(document.components.schemas)
  const webhooks = Object.values(document.webhooks)
  expect(webhooks.length).toBe(schemas.filter((name) => /.Event$/.test(name)).length)
})

test('the page /docs loads only scripts of this server', async () => {
  const page = await h.fetchRaw('/docs')
  expect(page.headers.get('content-type')).toContain('text/html')
  expect(page.headers.get('content-security-policy')).toContain("script-src 'self';")
  const text = await page.text()
  expect([...text.matchAll(/<script[^>]*>/g)].map(([tag]) => tag)).toEqual([
    '<script src="/docs/scalar.js">',
    '<script src="/docs/start.js">',
  ])
})
