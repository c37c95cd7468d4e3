// Values in addresses that Postgres cannot store or read: a text is refused, and a time means the nearest that exists.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ApiDocument } from '../../functions/description/api-document.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

type Parameter = { name: string; in: string; schema: { type?: string; format?: string } }

let h: Harness
let id: string
beforeAll(async () => {
  h = await createHarness({ env: { API_RATE_PER_MINUTE: '0' } })
  const { body } = await h.request('/workspaces', { method: 'POST', json: { name: 'asked' } })
  id = String(body['id'])
})
afterAll(() => h.close())

/** Sends each parameter of a place with a value to every GET route. @returns the answers that are a failure of the server */
async function failuresOf(place: 'path' | 'query', value: (parameter: Parameter) => string | undefined) {
  const { paths } = (await h.request<ApiDocument>('/openapi.json')).body
  const failures: string[] = []
  let sent = 0
  for (const [path, { get }] of Object.entries(paths)) {
    const { parameters = [] } = (get ?? {}) as { parameters?: Parameter[] }
    for (const parameter of parameters.filter((one) => one.in === place && !path.includes('/a2a'))) {
      const chosen = value(parameter)
      if (chosen === undefined) continue
      const address = path
        .replace(place === 'path' ? `{${parameter.name}}` : '{}', encodeURIComponent(chosen))
        .replaceAll(/\{\w+\}/g, id)
      const query = place === 'query' ? `?${parameter.name}=${encodeURIComponent(chosen)}` : ''
      const { status } = await h.request(`${address}${query}`)
      sent += 1
      if (status >= 500) failures.push(`${address}${query}`)
    }
  }
  expect(sent).toBeGreaterThan(5)
  return failures
}

test('no route fails for a NUL in a query parameter', async () => {
  expect(await failuresOf('query', () => 'a\0b')).toEqual([])
})

test('no route fails for a NUL in a path', async () => {
  expect(await failuresOf('path', () => 'a\0b')).toEqual([])
})

test.each(['0000-01-01T00:00:00Z', '0001-01-01T00:00:00+23:00', '9999-12-31T23:59:59-23:00', '999999d'])(
  'no route fails for the time %s',
  async (time) => {
    const isTime = ({ name, schema }: Parameter) => schema.format === 'date-time' || name === 'since'
    expect(await failuresOf('query', (parameter) => (isTime(parameter) ? time : undefined))).toEqual([])
  },
)

test.each([
  ['name', 'name=a%00'],
  ['label', 'label=team%3Da%00'],
  ['label', 'label.team=a%00'],
])('a NUL in a list is refused by the name of its parameter %s: %s', async (field, query) => {
  const { body, status } = await h.request(`/workspaces?${query}`)
  expect(status).toBe(400)
  expect(body['errors']).toEqual([{ field, message: expect.stringContaining('cannot be stored') as string }])
})

test('all workspaces were created after the year 0, and none after the year 9999', async () => {
  const created = async (after: string) =>
    (await h.request<Json[]>(`/workspaces?created_after=${encodeURIComponent(after)}`)).body.length
  expect(await created('0000-01-01T00:00:00Z')).toBe(1)
  expect(await created('9999-12-31T23:59:59-23:00')).toBe(0)
})

test.each([
  ['/workspaces', { order: 'created_at', value: '1' }],
  ['/workspaces', { order: 'created_at', value: '0000-01-01T00:00:00Z' }],
  ['/workspaces?sort=name', { order: 'name', value: 'a\0' }],
])('a page of %s with the cursor %j of nobody is refused', async (path, cursor) => {
  const text = Buffer.from(JSON.stringify({ ...cursor, id })).toString('base64url')
  const { body, status } = await h.request(`${path}${path.includes('?') ? '&' : '?'}cursor=${text}`)
  expect([status, body['detail']]).toEqual([400, expect.stringMatching(/^cursor: .*Link/)])
})

test.each(['999999999999999_disk_a', '1_a%00', '1', 'x'])(
  'a page of disks with the cursor %s is refused',
  async (cursor) => {
    const { body, status } = await h.request(`/disks?cursor=${cursor}`)
    expect([status, body['detail']]).toEqual([400, expect.stringMatching(/^cursor: .*Link/)])
  },
)

test('a workspace from a disk whose id has a NUL is refused', async () => {
  const { body, status } = await h.request('/workspaces', {
    method: 'POST',
    json: { name: 'a', from: { disk: 'disk_\0' } },
  })
  expect([status, body['detail']]).toEqual([400, expect.stringMatching(/^from/)])
})
