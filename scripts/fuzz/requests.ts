// Generates requests from the API description: for each operation valid values, extreme values and hostile values. fast-check
// draws all of them, so that a seed always gives the same requests.
import fc from 'fast-check'
import { HOSTILE_BODIES, HOSTILE_TEXT, HOSTILE_TYPES, HOSTILE_VALUES } from './hostile-inputs.ts'

export type Schema = {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  format?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: Schema | boolean
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  examples?: unknown[]
}

export type Operation = {
  operationId: string
  parameters?: { name: string; in: string; required?: boolean; schema?: Schema }[]
  requestBody?: { content: Record<string, { schema?: Schema }> }
  responses: Record<string, unknown>
}

export type ApiDescription = {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

/** A placeholder for an existing workspace. */
export const SOME_WORKSPACE = 'some-workspace'

const CALLERS = ['admin', 'operate', 'read', 'workspace', 'anonymous', 'invalid'] as const
export type CallerKind = (typeof CALLERS)[number]

export type FuzzRequest = {
  operationId: string
  method: string
  /** May contain {@link SOME_WORKSPACE}. */
  path: string
  headers: Record<string, string>
  caller: CallerKind
  body: string | undefined
}

const hostileText = fc.oneof(fc.constantFrom(...HOSTILE_TEXT), fc.string({ unit: 'binary', maxLength: 40 }))
const hostileValue = fc.oneof(fc.constantFrom(...HOSTILE_VALUES), hostileText, fc.jsonValue({ maxDepth: 3 }))

/** @returns requests to all operations with the same frequency */
export function requestsOf(description: ApiDescription): fc.Arbitrary<FuzzRequest> {
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => requestOf(description, method, path, operation)),
  )
  return fc.oneof(...operations)
}

function requestOf(
  description: ApiDescription,
  method: string,
  path: string,
  operation: Operation,
): fc.Arbitrary<FuzzRequest> {
  const parameters = operation.parameters ?? []
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
  const query = parameters.filter((parameter) => parameter.in === 'query')
  const schema = operation.requestBody?.content['application/json']?.schema
  return fc
    .record({
      method: fc.oneof(
        { weight: 30, arbitrary: fc.constant(method.toUpperCase()) },
        { weight: 1, arbitrary: fc.constantFrom('GET', 'PUT', 'PATCH', 'DELETE', 'POST', 'HEAD', 'OPTIONS') },
      ),
      inPath: fc.tuple(...inPath.map((name) => pathValue(name))),
      query: fc.record(
        Object.fromEntries(
          query.map(({ name, schema: of }) => [
            name,
            mostly((of === undefined ? fc.string() : valueOf(description, of)).map(asText), hostileText),
          ]),
        ),
        { requiredKeys: [] },
      ),
      stray: fc.option(fc.tuple(hostileText, hostileText), { freq: 20 }),
      headers: headers(),
      caller: fc.oneof(
        { weight: 12, arbitrary: fc.constant<CallerKind>('admin') },
        { weight: 8, arbitrary: fc.constantFrom(...CALLERS) },
      ),
      body:
        schema === undefined
          ? fc.option(fc.constantFrom(...HOSTILE_BODIES), { freq: 10 })
          : body(description, schema),
    })
    .map((drawn) => {
      const values = [...drawn.inPath]
      const search = new URLSearchParams(drawn.query as Record<string, string>)
      if (drawn.stray !== null) search.append(drawn.stray[0].toWellFormed(), drawn.stray[1].toWellFormed())
      const at = path.replaceAll(/\{\w+\}/g, () => values.shift() ?? '')
      return {
        operationId: operation.operationId,
        method: drawn.method,
        path: search.size === 0 ? at : `${at}?${search}`,
        headers: drawn.headers,
        caller: drawn.caller,
        body: drawn.body ?? undefined,
      }
    })
}

const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

const pathValue = (name: string) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(name === 'id' ? SOME_WORKSPACE : `some-${name}`) },
    { weight: 2, arbitrary: fc.uuid() },
    {
      weight: 2,
      arbitrary: hostileText.map((text) => encodeURIComponent(text.toWellFormed()).slice(0, 4_000) || '%20'),
    },
    { weight: 1, arbitrary: fc.constantFrom('%', '%ff', '..', '%2e%2e', ';', 'A'.repeat(3_000)) },
  )

function headers(): fc.Arbitrary<Record<string, string>> {
  const unusual = fc.constantFrom<Record<string, string>>(
    { prefer: 'wait=1' },
    { prefer: 'wait=x, respond-async;;=,' },
    { prefer: 'respond-async' },
    { 'idempotency-key': 'k' },
    { 'idempotency-key': 'x'.repeat(300) },
    { 'x-workspace-id': 'system:x' },
    { 'a2a-version': '9.9' },
    { 'last-event-id': '-1' },
    { accept: 'text/event-stream' },
    { accept: 'text/plain;q=x' },
    { traceparent: 'zz' },
    { origin: 'https://evil.example' },
    { 'if-none-match': '"x", *' },
    { authorization: 'Bearer' },
    { authorization: 'Basic eDp5' },
    { 'content-type': '' },
  )
  const type = fc.oneof(
    { weight: 20, arbitrary: fc.constant('application/json') },
    { weight: 1, arbitrary: fc.constantFrom(...HOSTILE_TYPES) },
  )
  return fc
    .tuple(type, fc.option(unusual, { freq: 4 }))
    .map(([contentType, more]) => ({ 'content-type': contentType, ...more }))
}

const body = (description: ApiDescription, schema: Schema): fc.Arbitrary<string | null> =>
  fc.oneof(
    { weight: 20, arbitrary: valueOf(description, schema).map((value) => JSON.stringify(value)) },
    { weight: 3, arbitrary: hostileValue.map((value) => JSON.stringify(value)) },
    { weight: 2, arbitrary: fc.constantFrom(...HOSTILE_BODIES) },
  )

const mostly = <Value>(usual: fc.Arbitrary<Value>, unusual: fc.Arbitrary<Value>) =>
  fc.oneof({ weight: 14, arbitrary: usual }, { weight: 1, arbitrary: unusual })

/** Values that the schema allows, including extremes, with a hostile value now and then. */
function valueOf(description: ApiDescription, schema: Schema, depth = 0): fc.Arbitrary<unknown> {
  return mostly(validValueOf(description, schema, depth), hostileValue)
}

function validValueOf(description: ApiDescription, schema: Schema, depth: number): fc.Arbitrary<unknown> {
  if (depth > 6) return fc.constant(null)
  if (schema.$ref !== undefined) {
    return validValueOf(
      description,
      description.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {},
      depth,
    )
  }
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema.examples !== undefined && schema.examples.length > 0 && schema.type !== 'object') {
    return fc.oneof(
      fc.constantFrom(...schema.examples),
      validValueOf(description, withoutExamples(schema), depth),
    )
  }
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return fc.oneof(...choices.map((one) => valueOf(description, one, depth + 1)))
  if (schema.allOf !== undefined)
    return validValueOf(description, Object.assign({}, ...schema.allOf) as Schema, depth)
  const types = Array.isArray(schema.type) ? schema.type : [schema.type]
  return fc.oneof(...types.map((type) => ofType(description, schema, type, depth)))
}

const withoutExamples = (schema: Schema): Schema => ({ ...schema, examples: [] })

function ofType(
  description: ApiDescription,
  schema: Schema,
  type: string | undefined,
  depth: number,
): fc.Arbitrary<unknown> {
  switch (type) {
    case 'null':
      return fc.constant(null)
    case 'boolean':
      return fc.boolean()
    case 'integer':
    case 'number': {
      const [least, most] = [schema.minimum ?? -1_000, schema.maximum ?? 1_000_000]
      return fc.oneof(fc.constantFrom(least, most, least - 1, most + 1), fc.integer({ min: -5, max: 200 }))
    }
    case 'string':
      return textOf(schema)
    case 'array':
      return fc.array(valueOf(description, schema.items ?? {}, depth + 1), { maxLength: 4 })
    case 'object':
      return objectOf(description, schema, depth)
    case undefined:
    default:
      return fc.jsonValue({ maxDepth: 2 })
  }
}

function textOf({ format, maxLength = 60, minLength = 0 }: Schema): fc.Arbitrary<string> {
  if (format === 'uuid') return fc.oneof(fc.constant(SOME_WORKSPACE), fc.uuid())
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString())
  const edge = Math.min(maxLength, 70_000)
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc.string({ minLength: Math.min(minLength, 100), maxLength: Math.min(edge, 40) }),
    },
    { weight: 1, arbitrary: fc.constantFrom('x'.repeat(edge), 'x'.repeat(edge + 1), 'x'.repeat(minLength)) },
    { weight: 1, arbitrary: hostileText },
  )
}

function objectOf(description: ApiDescription, schema: Schema, depth: number): fc.Arbitrary<unknown> {
  const known = fc.record(
    Object.fromEntries(
      Object.entries(schema.properties ?? {}).map(([name, of]) => [
        name,
        valueOf(description, of, depth + 1),
      ]),
    ),
    { requiredKeys: schema.required ?? [] },
  )
  const others = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {}
  const name = mostly(fc.stringMatching(/^[A-Z_]{1,12}$/), hostileText)
  const open = schema.properties === undefined || schema.additionalProperties !== undefined
  const further = fc.dictionary(name, valueOf(description, others, depth + 1), { maxKeys: open ? 4 : 1 })
  return fc
    .tuple(known, open ? further : mostly(fc.constant({}), further))
    .map(([one, other]) => ({ ...other, ...one }))
}
