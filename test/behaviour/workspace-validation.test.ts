// Creates that are refused: every invalid field is named, and neither a workspace nor a machine is created.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())

describe('refused creates', () => {
  const long = 'x'.repeat(256)
  test.each<[string, unknown, string, RegExp]>([
    ['no name', {}, 'name', /./],
    ['an empty name', { name: ' ' }, 'name', /empty/],
    ['a name that is not text', { name: 5 }, 'name', /a text/],
    ['a long name', { name: long }, 'name', /255/],
    ['a name with a line break', { name: 'a\nruntime: x' }, 'name', /line breaks/],
    ['a name with YAML in it', { name: 'a{b}' }, 'name', /must not contain/],
    ['a NUL', { name: 'a\0b' }, 'name', /stored/],
    ['half a surrogate pair', { name: 'a', config: { x: '\ud800' } }, 'config', /stored/],
    [
      'a deeply nested config',
      { name: 'a', config: { x: JSON.parse(`${'['.repeat(1_000)}${']'.repeat(1_000)}`) as unknown } },
      'config',
      /nested/,
    ],
    ['an unknown runtime', { name: 'a', runtime: 'cobol' }, 'runtime', /langgraph.*hermes/],
    ['an unknown tier', { name: 'a', tier: 1 }, 'tier', /2, 3, 4/],
    ['a fractional tier', { name: 'a', tier: 2.5 }, 'tier', /./],
    ['an unknown region', { name: 'a', region: 'moon' }, 'region', /ams.*ord/],
    [
      'an image of another registry',
      { name: 'a', image: 'docker.io/evil' },
      'image',
      /ghcr\.io\/molecule-ai.*ALLOWED/,
    ],
    [
      'an image beside an allowed prefix',
      { name: 'a', image: 'ghcr.io/molecule-ai-evil/x' },
      'image',
      /must start/,
    ],
    ['a parent that is not a UUID', { name: 'a', parent_id: 'x' }, 'parent_id', /./],
    ['a parent that does not exist', { name: 'a', parent_id: crypto.randomUUID() }, 'parent_id', /no such/],
    ['a reserved variable', { name: 'a', env: { WORKSPACE_ID: 'x' } }, 'env.WORKSPACE_ID', /platform/],
    ['a reserved variable of Fly', { name: 'a', env: { FLY_REGION: 'x' } }, 'env.FLY_REGION', /platform/],
    ['a variable with a bad name', { name: 'a', env: { 'a-b': 'x' } }, 'env.a-b', /./],
    ['a variable that is not text', { name: 'a', env: { A: 1 } }, 'env.A', /a text/],
    [
      'a secret with a reserved name',
      { name: 'a', secrets: { PLATFORM_URL: 'b' } },
      'secrets.PLATFORM_URL',
      /platform/,
    ],
    ['an empty secret', { name: 'a', secrets: { A: '' } }, 'secrets.A', /empty/],
    ['an array', [], 'body', /./],
    ['a string', '"hello"', 'body', /./],
  ])('a create with %s is refused by the name of the field', async (_what, json, field, message) => {
    const before = h.emulator.machines().length
    const count = (await h.request<Json[]>('/workspaces')).body.length
    const { status, body, headers } = await h.request<{
      errors: { field: string; message: string }[]
      error: string
    }>('/workspaces', { method: 'POST', json })
    expect(status).toBe(400)
    expect(headers.get('content-type')).toBe('application/problem+json')
    const error = body.errors.find((entry) => entry.field === field)
    expect(error?.message).toMatch(message)
    expect(typeof body.error).toBe('string')
    expect((await h.request<Json[]>('/workspaces')).body).toHaveLength(count)
    expect(h.emulator.machines()).toHaveLength(before)
  })

  test.each<[string, RequestInit, number, string]>([
    [
      'a body that is not JSON',
      { body: '{"name": ', headers: { 'content-type': 'application/json' } },
      400,
      'invalid_input',
    ],
    ['no body', { headers: { 'content-type': 'application/json' } }, 400, 'invalid_input'],
    [
      'a form',
      { body: 'name=a', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'unsupported_media_type',
    ],
    [
      'a body over a megabyte',
      {
        body: JSON.stringify({ name: 'a', role: 'x'.repeat(1_100_000) }),
        headers: { 'content-type': 'application/json' },
      },
      413,
      'too_large',
    ],
  ])('a create with %s is refused', async (_what, init, status, code) => {
    const answer = await h.request('/workspaces', { method: 'POST', ...init })
    expect(answer.status).toBe(status)
    expect(answer.body).toMatchObject({
      status,
      code,
      request_id: expect.any(String),
      error: expect.any(String),
    })
  })

  test('what is neither an id nor a slug is a 400, and an unknown one a 404', async () => {
    expect((await h.request('/workspaces/nonsense')).status).toBe(404)
    const bad = await h.request('/workspaces/not_a_slug')
    expect(bad.status).toBe(400)
    expect(bad.body).toMatchObject({
      errors: [{ field: 'id', message: 'must be the id or the slug of a workspace' }],
    })
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/restart'],
    ] as const) {
      const unknown = await h.request(`/workspaces/${crypto.randomUUID()}${path}`, { method })
      expect(unknown.status).toBe(404)
      expect(unknown.body).toMatchObject({ error: 'workspace not found' })
    }
  })

  test('an unknown path is a 404 problem document', async () => {
    expect(await h.request('/nothing/here')).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })
})
