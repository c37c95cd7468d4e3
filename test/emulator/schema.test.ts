// Holds the emulator's replies against Fly's published description: known fields have the published types, lists hold
// what they should, and nothing is of a shape Fly would not send.

import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { startFly, WEB_SERVICE } from '../support/emulator.ts'
import type { Json } from '../support/emulator.ts'

const document = JSON.parse(
  await readFile(new URL('../../lib/fly/machines-openapi.json', import.meta.url), 'utf8'),
) as Json

/** Where the live service differs from its description (docs/facts/fly.md §4.3). */
const DIFFERENT = [/\.autostop$/]
/** Fields that fly-go and flyctl read and the description omits (docs/facts/fly.md §2.1, §2.3, §2.9). */
const UNPUBLISHED = new Set([
  'status',
  'name',
  'network',
  'network_cidr',
  'organization',
  'internal_numeric_id',
  'machine_count',
  'volume_count',
  'updated_at',
])

/** The ways in which `value` is not what `schema` describes. Properties without a description are not looked into. */
function faultsIn(value: unknown, schema: Json | undefined, path: string): string[] {
  if (schema === undefined || value === null || DIFFERENT.some((pattern) => pattern.test(path))) return []
  const ref: string | undefined = schema.$ref
  if (ref !== undefined)
    return faultsIn(value, document.components.schemas[ref.split('/').at(-1) ?? ''], path)
  if (Array.isArray(schema.allOf)) return schema.allOf.flatMap((part: Json) => faultsIn(value, part, path))
  if (Array.isArray(schema.enum) && !schema.enum.includes(value))
    return [`${path}: ${JSON.stringify(value)} is not one of ${JSON.stringify(schema.enum)}`]
  switch (schema.type) {
    case 'string':
    case 'boolean':
      return typeof value === schema.type ? [] : [`${path}: not a ${schema.type}`]
    case 'integer':
      return Number.isInteger(value) ? [] : [`${path}: not an integer`]
    case 'number':
      return typeof value === 'number' ? [] : [`${path}: not a number`]
    case 'array':
      if (!Array.isArray(value)) return [`${path}: not an array`]
      return value.flatMap((item, index) => faultsIn(item, schema.items, `${path}[${index}]`))
    case 'object': {
      if (typeof value !== 'object' || Array.isArray(value)) return [`${path}: not an object`]
      const properties: Json | undefined = schema.properties
      return Object.entries(value).flatMap(([key, item]) => {
        if (properties === undefined)
          return faultsIn(
            item,
            typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined,
            `${path}.${key}`,
          )
        if (!(key in properties))
          return UNPUBLISHED.has(key) || schema.additionalProperties
            ? []
            : [`${path}.${key}: not in the description`]
        return faultsIn(item, properties[key], `${path}.${key}`)
      })
    }
    default:
      return []
  }
}

const schemaOf = (method: string, path: string, status: number): Json | undefined =>
  document.paths[path]?.[method]?.responses?.[status]?.content?.['application/json']?.schema

test('the replies of the main calls have the published shapes', async () => {
  const { call, started, create, machines, disk } = await startFly()
  const volumeId = String((await disk()).id)
  const spare = String((await disk()).id)
  const { id } = await started({
    mounts: [{ volume: volumeId, path: '/data' }],
    rootfs: { persist: 'restart' },
    services: [{ ...WEB_SERVICE, checks: [{ type: 'tcp', interval: '10s' }] }],
    checks: { alive: { type: 'http', port: 8080, path: '/', interval: '10s' } },
    env: { A: 'b' },
    metadata: { k: 'v' },
    restart: { policy: 'on-failure', max_retries: 3 },
    stop_config: { signal: 'SIGTERM', timeout: '5s' },
  })
  await create({}, { lease_ttl: 60 })
  const app = '/v1/apps/{app_name}'
  const machine = `${app}/machines/{machine_id}`
  const volume = `${app}/volumes/{volume_id}`
  const calls: [string, string, number, unknown?][] = [
    ['get', '/v1/apps?org_slug=personal', 200],
    ['post', '/v1/apps', 201, { name: 'new', org_slug: 'personal' }],
    ['get', app, 200],
    ['post', `${app}/ip_assignments`, 200, { type: 'v6' }],
    ['get', `${app}/ip_assignments`, 200],
    ['post', `${app}/deploy_token`, 200, { expiry: '1h' }],
    ['get', `${app}/machines?include_leases=true`, 200],
    ['post', `${app}/machines`, 200, { config: { image: 'web' } }],
    ['get', machine, 200],
    ['get', `${machine}/wait?state=started`, 200],
    ['get', `${machine}/events`, 200],
    ['get', `${machine}/versions`, 200],
    ['get', `${machine}/metadata`, 200],
    ['get', `${machine}/ps`, 200],
    ['get', '/v1/orgs/{org_slug}/machines', 200],
    ['post', `${app}/volumes`, 200, { name: 'other', size_gb: 1 }],
    ['get', `${app}/volumes`, 200],
    ['get', `${app}/volumes?summary=true`, 200],
    ['get', volume, 200],
    ['put', volume, 200, { snapshot_retention: 9 }],
    ['post', `${volume}/snapshots`, 200],
    ['get', `${volume}/snapshots`, 200],
    ['put', `${volume}/extend`, 200, { size_gb: 9 }],
    ['delete', `${app}/volumes/${spare}`, 200],
    ['get', '/v1/orgs/{org_slug}/volumes', 200],
    ['get', '/v1/tokens/current', 200],
    ['post', machine, 200, { config: { image: 'web' } }],
    ['post', '/v1/apps', 422, { name: 'demo', org_slug: 'personal' }],
    ['post', machine, 400, {}],
  ]
  for (const [method, template, status, body] of calls) {
    const url = template
      .replace('{app_name}', 'demo')
      .replace('{machine_id}', id)
      .replace('{volume_id}', volumeId)
      .replace('{org_slug}', 'personal')
    const reply = await call(method.toUpperCase(), url, body)
    expect(reply.status, `${method} ${template}`).toBe(status)
    const path = (template.split('?')[0] ?? '').replace(spare, '{volume_id}')
    // The request for a snapshot has no body.
    if (reply.headers.get('content-type') === null) continue
    const schema = schemaOf(method, path, status)
    expect(schema, `${method} ${template} has a published ${status}`).toBeDefined()
    expect(faultsIn(reply.body, schema, `${method} ${template}`)).toEqual([])
  }
  expect((await call('GET', `${machines}/${id}`)).body.host_status).toBe('ok')
})

test('regions come under PascalCase keys as on the live service, with the published fields', async () => {
  const { call } = await startFly()
  const { body } = await call('GET', '/v1/platform/regions')
  expect(Object.keys(body).toSorted()).toEqual(['Nearest', 'Regions'])
  const schema = document.components.schemas['main.regionResponse']
  expect(faultsIn(body.Regions, schema.properties.regions, 'regions')).toEqual([])
})
