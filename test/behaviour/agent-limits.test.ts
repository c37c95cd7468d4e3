// Everything that an agent may write has a stated maximum: the request bodies of its routes are walked in the API description, and
// each text and each JSON value must be in the table of docs/api.md with its limit.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { ApiDocument } from '../../functions/description/api-document.ts'
import { ROUTE_POLICIES } from '../../functions/access-policy.ts'
import { createHarness } from '../support/harness.ts'

type Schema = {
  $ref?: string
  type?: string | string[]
  format?: string
  enum?: unknown[]
  const?: unknown
  maxLength?: number
  'x-max-length'?: number
  maxItems?: number
  properties?: Record<string, Schema>
  items?: Schema
  anyOf?: Schema[]
  allOf?: Schema[]
}

/** Their bodies pass to an agent unchanged, up to A2A_MAX_BODY_BYTES. */
const PASSED_ON = new Set(['POST /workspaces/:id/a2a'])

/** Formats whose values have a length. */
const FORMATS = new Set(['uuid', 'date-time'])

/** Routes with a body that a workspace's own token reaches. */
const written = Object.entries(ROUTE_POLICIES).flatMap(([route, policy]) => {
  const isAgents = policy === 'agent' || (typeof policy === 'object' && policy.agent !== 'none')
  return isAgents && !route.startsWith('GET ') && !PASSED_ON.has(route) ? [route] : []
})

function bodyOf(document: ApiDocument, route: string): Schema | undefined {
  const [method = '', path = ''] = route.split(' ')
  const operation = document.paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()] as
    | { requestBody?: { content?: Record<string, { schema?: Schema }> } }
    | undefined
  return operation?.requestBody?.content?.['application/json']?.schema
}

/** The values of a body that are not numbers, flags, ids or words of a list, with their largest length. */
function limitsOf(
  document: ApiDocument,
  schema: Schema,
  name: string,
): [name: string, limit: number | undefined][] {
  const schemas = document.components?.schemas as Record<string, Schema>
  const found = schema.$ref === undefined ? schema : (schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {})
  const { allOf = [], anyOf = [], items, properties } = found
  if (found['x-max-length'] !== undefined) return [[name || 'the body', found['x-max-length']]]
  if (properties !== undefined)
    return Object.entries(properties).flatMap(([member, one]) =>
      limitsOf(document, one, name === '' ? member : `${name}.${member}`),
    )
  if (items !== undefined) return limitsOf(document, items, `${name}[]`)
  const parts = [...allOf, ...anyOf]
  if (parts.length > 0) return parts.flatMap((part) => limitsOf(document, part, name))
  const types = [found.type ?? []].flat()
  const isShort =
    types.length > 0 && types.every((type) => ['number', 'integer', 'boolean', 'null'].includes(type))
  const isWord = found.enum !== undefined || found.const !== undefined || FORMATS.has(found.format ?? '')
  return isShort || isWord ? [] : [[name || 'the body', found.maxLength]]
}

test('everything that an agent may write has a limit, and docs/api.md states it', async () => {
  const h = await createHarness()
  const { body: document } = await h.request<ApiDocument>('/openapi.json')
  await h.close()
  const rows = written.flatMap((route) =>
    limitsOf(document, bodyOf(document, route) ?? { const: null }, '').map(
      ([name, limit]) => `| \`${route}\` | \`${name}\` | ${limit ?? 'none'} |`,
    ),
  )
  expect(rows.length).toBeGreaterThan(20)
  expect(rows.filter((row) => row.endsWith('| none |'))).toEqual([])
  const [, table = ''] =
    /^## What agents may write\n[^]*?\n\|[-|]+\n((?:\|.*\n)+)/m.exec(
      readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8'),
    ) ?? []
  expect(table.trim().split('\n')).toEqual(rows)
})
