// Bodies that are nested too deep to be written as JSON again, where a handler changes a body before the route reads it.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHarness, type Harness } from '../support/harness.ts'

let h: Harness
let id: string
beforeAll(async () => {
  h = await createHarness({ env: { MOLECULE_COMPAT: 'true' } })
  ;({ id } = await h.createWorkspace({ name: 'deep', slug: 'deep' }))
})
afterAll(() => h.close())

/** JSON.parse reads so many, and JSON.stringify does not write them. */
const LEVELS = 20_000

const deep = (levels: number, inner = '1') => `${'{"a":'.repeat(levels)}${inner}${'}'.repeat(levels)}`

const bundle = (levels: number) => `${'{"name":"x","sub_workspaces":['.repeat(levels)}${']}'.repeat(levels)}`

test.each([
  ['a member of a change of a workspace', 'PATCH', '/workspaces/ID', `{"x":${deep(LEVELS)}}`],
  ['a change of a workspace', 'PATCH', '/workspaces/ID', deep(LEVELS)],
  ['a new workspace', 'POST', '/workspaces', `{"x":${deep(LEVELS)}}`],
  ['a change of a schedule', 'PATCH', '/workspaces/ID/schedules/none', deep(LEVELS)],
  ['a new schedule', 'POST', '/workspaces/ID/schedules', deep(LEVELS)],
  ['a new workspace below a slug', 'POST', '/workspaces', `{"parent_id":"deep","x":${deep(LEVELS)}}`],
  ['a notification', 'POST', '/workspaces/ID/notify', `{"type":"x","message":${deep(LEVELS)}}`],
  ['a model', 'PUT', '/workspaces/ID/model', `{"model":${deep(LEVELS)}}`],
  ['a memory', 'POST', '/workspaces/ID/memories', `{"content":${deep(LEVELS)}}`],
  ['the config of a bundle', 'POST', '/bundles/import', `{"name":"x","config":${deep(LEVELS)}}`],
  ['a bundle of many generations', 'POST', '/bundles/import', bundle(LEVELS)],
])('%s that is nested too deep is refused', async (_, method, path, body) => {
  const headers = { 'content-type': 'application/json' }
  const answer = await h.request(path.replace('ID', id), { method, headers, body })
  expect([answer.status, answer.body]).toEqual([
    expect.toSatisfy((status) => status === 400 || status === 404),
    expect.objectContaining({ status: answer.status }),
  ])
  expect((await h.request<{ total: number }>('/workspaces')).body).toHaveLength(1)
})
