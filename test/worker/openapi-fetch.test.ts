// The Worker's bundle has a small client in place of openapi-fetch: both send the same requests and give the same answers.
import openapiFetch from 'openapi-fetch'
import { expect, test } from 'vitest'
import smallFetch from '../../functions/worker/openapi-fetch.ts'

type Sent = { method: string; url: string; headers: Record<string, string>; body: string }

/** What a client sends and returns for one call. */
async function call(
  create: typeof smallFetch,
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  input: Parameters<ReturnType<typeof smallFetch>['GET']>[1],
  answer: () => Response,
) {
  const sent: Sent[] = []
  const api = create({
    baseUrl: 'https://agents.example',
    headers: { authorization: 'Bearer token' },
    async fetch(request) {
      const { headers, method, url } = request
      sent.push({ method, url, headers: Object.fromEntries(headers), body: await request.text() })
      return answer()
    },
  })
  api.use({
    async onResponse({ response }) {
      if (!response.ok) throw new Error(`refused with ${response.status}: ${await response.text()}`)
    },
  })
  const outcome = await api[method]('/workspaces/{id}/logs/{name}', input).then(
    ({ data, response }) => ({ data, status: response.status }),
    (error: unknown) => ({ error: String(error) }),
  )
  return { sent, outcome }
}

test.each([
  ['a path', 'GET', { params: { path: { id: 'a b/c', name: 'é' } } }, () => Response.json({ a: 1 })],
  [
    'a query with a list, and without what is undefined or null',
    'GET',
    {
      params: {
        path: { id: 1, name: 'x' },
        query: { q: 'a & b', level: ['x', 'y'], tail: 5, since: undefined, until: null, none: [] },
      },
    },
    () => Response.json([1, 2]),
  ],
  [
    'an empty query',
    'GET',
    { params: { path: { id: 'a', name: 'b' }, query: {} } },
    () => Response.json(null),
  ],
  [
    'a header and a body',
    'POST',
    {
      params: { path: { id: 'a', name: 'b' }, header: { 'Idempotency-Key': 'k', Prefer: undefined } },
      body: { name: 'ü', list: [1] },
    },
    () => Response.json({ id: 'x' }, { status: 201 }),
  ],
  [
    'a body for PUT',
    'PUT',
    { params: { path: { id: 'a', name: 'b' } }, body: [1] },
    () => Response.json('text'),
  ],
  ['PATCH', 'PATCH', { params: { path: { id: 'a', name: 'b' } }, body: {} }, () => new Response('')],
  [
    'headers of its own, for an answer as text',
    'GET',
    {
      params: { path: { id: 'a', name: 'b' } },
      headers: { accept: 'text/plain', 'x-none': undefined },
      parseAs: 'text',
    },
    () => new Response('two\nlines'),
  ],
  [
    'an empty answer as text',
    'GET',
    { params: { path: { id: 'a', name: 'b' } }, parseAs: 'text' },
    () => new Response(''),
  ],
  [
    'an answer without a body',
    'DELETE',
    { params: { path: { id: 'a', name: 'b' } } },
    () => new Response(null, { status: 204 }),
  ],
  [
    'a refusal',
    'GET',
    { params: { path: { id: 'a', name: 'b' } } },
    () => new Response('no', { status: 409 }),
  ],
] as const)('a call with %s is the same with both clients', async (_what, method, input, answer) => {
  const small = await call(smallFetch, method, input, answer)
  const original = await call(openapiFetch as unknown as typeof smallFetch, method, input, answer)
  expect(small).toEqual(original)
  expect(small.sent).toHaveLength(1)
})

test('an option that the small client does not know fails loudly', async () => {
  const fetch = () => Promise.resolve(Response.json({}))
  const api = smallFetch({ baseUrl: 'https://agents.example', headers: {}, fetch })
  await expect(api.GET('/workspaces', { querySerializer: String } as object)).rejects.toThrow(
    'querySerializer',
  )
})
