// What is said about a wrong value, on every route: a sentence for people, never the validator's own words.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ApiDocument, Operation, Schema } from '../../functions/description/api-document.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

type Message = { field: string; message: string }

let h: Harness
let document: ApiDocument
beforeAll(async () => {
  h = await createHarness({
    env: { API_RATE_PER_MINUTE: '0', SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'k').toString('base64') },
  })
  document = (await h.request<ApiDocument>('/openapi.json')).body
})
afterAll(() => h.close())

const RAW = /\bInvalid\b|expected .*received|Unrecognized|Too (?:big|small)|NaN|undefined|\|/

const resolve = (schema: Schema | undefined): Schema | undefined =>
  schema?.$ref === undefined ? schema : document.components.schemas[schema.$ref.split('/').at(-1) ?? '']

const isText = ({ anyOf, enum: values, type }: Schema): boolean =>
  values === undefined && ([type].flat().includes('string') || anyOf?.some(isText) === true)

/** Values that hardly any schema accepts: of another type, and beyond every limit. */
const wrongFor = (schema: Schema): unknown[] =>
  isText(schema) ? [5, '', 'x\u0000'.repeat(60_000)] : ['no such value', -1e15, [null], {}]

/** The bodies of an operation, each with one kind of mistake in every member. */
function bodiesOf({ requestBody }: Operation): unknown[] {
  const schema = resolve(requestBody?.content['application/json']?.schema)
  if (schema?.properties === undefined) return []
  const members = Object.entries(schema.properties)
  const wrong = [0, 1, 2, 3].map((at) =>
    Object.fromEntries(members.map(([name, member]) => [name, wrongFor(resolve(member) ?? {}).at(at)])),
  )
  return [[], 'text', {}, { 'no such member': 1 }, ...wrong]
}

async function messagesOf(method: string, path: string, json?: unknown): Promise<Message[]> {
  const { body, status } = await h.request(path, { method, ...(json === undefined ? {} : { json }) })
  expect(status, `${method} ${path}`).not.toBe(500)
  return (body as Json | undefined)?.['code'] === 'invalid_input' ? (body['errors'] as Message[]) : []
}

test('no route answers a wrong value with a text of the validator', async () => {
  const found: (Message & { at: string })[] = []
  for (const [template, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const upper = method.toUpperCase()
      const at = `${upper} ${template}`
      const note = (messages: Message[]) => found.push(...messages.map((message) => ({ at, ...message })))
      const path = template.replace('{id}', crypto.randomUUID()).replaceAll(/\{\w+\}/g, 'x')
      const query = (operation.parameters ?? []).filter((parameter) => parameter.in === 'query')
      if (upper === 'GET') {
        for (const value of ['no such value', '-1e15', ''])
          for (const { name = '' } of query)
            note(await messagesOf(upper, `${path}?${name}=${encodeURIComponent(value)}`))
        note(await messagesOf(upper, template.replaceAll(/\{\w+\}/g, 'not a UUID')))
      }
      for (const body of bodiesOf(operation)) note(await messagesOf(upper, path, body))
    }
  }
  expect(found.filter(({ message }) => RAW.test(message) || message === '')).toEqual([])
  expect(new Set(found.map(({ at }) => at)).size).toBeGreaterThan(40)
})

test.each<[Json, string, string]>([
  [{}, 'name', 'is missing'],
  [{ name: 5 }, 'name', 'must be a text'],
  [{ name: 'a', tier: 'two' }, 'tier', 'must be a number'],
  [{ name: 'a', public_card: 'yes' }, 'public_card', 'must be true or false'],
  [{ name: 'a', regions: 'ord' }, 'regions', 'must be a list'],
  [{ name: 'a', on_host_loss: 'panic' }, 'on_host_loss', 'must be one of wait, restore'],
])('a create with %j says of %s that it %s', async (json, field, message) => {
  expect(await messagesOf('POST', '/workspaces', json)).toEqual([{ field, message }])
})

test('a query parameter that is no number, or none of the allowed words, is named with what is allowed', async () => {
  expect(await messagesOf('GET', '/workspaces?limit=many&status=happy')).toEqual([
    { field: 'status', message: expect.stringMatching(/^must be one of provisioning, ready, /) as string },
    { field: 'limit', message: 'must be a number' },
  ])
})

test('unknown members of a strict body are named one by one', async () => {
  const json = { name: 'a', scopes: ['read'], scope: 'read', workspace: 'x' }
  expect(await messagesOf('POST', '/tokens', json)).toEqual([
    { field: 'scope', message: 'is not known here' },
    { field: 'workspace', message: 'is not known here' },
  ])
})

test('an unknown type of event is refused with the type that it resembles', async () => {
  const meant = "'workspace_create' is not a type of event; did you mean 'workspace_created'?"
  const json = { url: 'https://hooks.example.com', types: ['workspace_create'] }
  const { body } = await h.request('/webhook-endpoints', { method: 'POST', json })
  expect(body).toMatchObject({
    detail: `types.0: ${meant}`,
    errors: [{ field: 'types.0', message: meant }],
  })
  expect(await messagesOf('GET', '/events?types=removed,workspace_create')).toEqual([
    { field: 'types', message: meant },
  ])
  expect(await messagesOf('GET', '/events?types=something_else')).toEqual([
    { field: 'types', message: "'something_else' is not a type of event; /openapi.json lists them" },
  ])
})
