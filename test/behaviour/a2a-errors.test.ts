// Errors of A2A requests: what the caller gets when the agent cannot answer, or must not.
import { describe, expect, test } from 'vitest'
import { useA2aFixture } from '../support/a2a-fixture.ts'
import { askRegion, type Json } from '../support/harness.ts'

const a2a = useA2aFixture()

describe('errors', () => {
  type Failure = { jsonrpc: string; id: unknown; error: { code: number; message: string; data: Json } }

  test.each<[string, () => Response | Promise<Response>, number, string, string]>([
    [
      'a page of HTML',
      () => new Response('<h1>hello</h1>', { headers: { 'content-type': 'text/html' } }),
      502,
      'INVALID_AGENT_RESPONSE',
      'unknown',
    ],
    [
      'a redirect',
      () => new Response(null, { status: 302, headers: { location: 'http://169.254.169.254/' } }),
      502,
      'INVALID_AGENT_RESPONSE',
      'unknown',
    ],
    [
      'an HTML 500 with file paths',
      () => new Response('Error at /app/x.js', { status: 500, headers: { 'content-type': 'text/html' } }),
      502,
      'AGENT_HTTP_ERROR',
      'unknown',
    ],
    [
      'an HTML 413',
      () => new Response('too large', { status: 413, headers: { 'content-type': 'text/html' } }),
      413,
      'AGENT_HTTP_ERROR',
      'no',
    ],
    [
      'a 401',
      () => Response.json({ error: 'unauthorized' }, { status: 401 }),
      502,
      'AGENT_HTTP_ERROR',
      'unknown',
    ],
    ['no response', () => new Promise(() => {}), 504, 'AGENT_TIMEOUT', 'unknown'],
  ])(
    "an agent that answers with %s causes an error with the caller's id",
    async (_what, misbehave, status, reason, delivered) => {
      a2a.answer = misbehave
      const { status: got, body } = await a2a.send<Failure>(a2a.scripted, { json: askRegion(0) })
      expect(got).toBe(status)
      expect(body).toMatchObject({ jsonrpc: '2.0', id: 0, error: { data: { reason, delivered } } })
      expect(JSON.stringify(body)).not.toContain('/app/x.js')
    },
  )

  test('a redirect of the agent is not followed', async () => {
    a2a.answer = () => new Response(null, { status: 307, headers: { location: 'http://internal.test/' } })
    await a2a.send(a2a.scripted, { json: askRegion() })
    expect(a2a.h.outgoing.some(({ url }) => url.startsWith('http://internal.test'))).toBe(false)
  })

  test.each([[0], [''], ['1'], [1], [null], ['ü'], [-1.5]])(
    'an error returns the request id unchanged: %j',
    async (id) => {
      const { body } = await a2a.send<Failure>(crypto.randomUUID(), { json: askRegion(id) })
      expect(body.id).toBe(id)
    },
  )

  test('a caller of A2A 1.0 gets error details in the format of 1.0', async () => {
    const { body } = await a2a.send<Failure>(crypto.randomUUID(), {
      json: { jsonrpc: '2.0', id: 1, method: 'SendMessage', params: {} },
    })
    expect(body.error.data).toEqual([
      {
        '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
        reason: 'WORKSPACE_NOT_FOUND',
        domain: expect.any(String),
        metadata: { delivered: 'no' },
      },
    ])
  })

  test('a message to an unknown workspace or an invalid id is 404', async () => {
    for (const id of [crypto.randomUUID(), 'nonsense']) {
      const { status, body } = await a2a.send<Failure>(id, { json: askRegion() })
      expect(status).toBe(404)
      expect(body.error.data).toMatchObject({ reason: 'WORKSPACE_NOT_FOUND' })
    }
  })

  test('a message to a workspace that is being provisioned is 503 with a Retry-After', async () => {
    a2a.h.emulator.faults.add({ kind: 'port-closed', app: 'test-app' })
    const { body } = await a2a.h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      json: { name: 'slow' },
    })
    const refused = await a2a.send<Failure>(body.id, { json: askRegion(), headers: { prefer: 'wait=0' } })
    for (const { id } of a2a.h.emulator.faults.list()) a2a.h.emulator.faults.remove(id)
    expect(refused.status).toBe(503)
    expect(refused.headers.get('retry-after')).toBe('5')
    expect(refused.body.error.data).toMatchObject({
      reason: 'WORKSPACE_STARTING',
      status: 'provisioning',
      delivered: 'no',
    })
    await a2a.h.request(`/workspaces/${body.id}`, { method: 'DELETE' })
    const removed = await a2a.send<Failure>(body.id, { json: askRegion() })
    expect(removed.status).toBe(410)
    expect(removed.body.error.data).toMatchObject({ reason: 'WORKSPACE_REMOVED' })
  })

  test('a body over the limit is 413, and a content type that browser forms can send is 415', async () => {
    const large = await a2a.send<Failure>(a2a.scripted, {
      json: { ...askRegion(0), filler: 'x'.repeat(20_000), jsonrpc: '2.0' },
    })
    expect([large.status, large.body.id, large.body.error.data['reason']]).toEqual([413, 0, 'BODY_TOO_LARGE'])
    const page = await a2a.send<Failure>(a2a.scripted, {
      body: JSON.stringify(askRegion()),
      headers: { 'content-type': 'text/plain' },
    })
    expect(page.status).toBe(415)
    expect(a2a.seen).toEqual([])
  })

  test('GET on the A2A URL is refused with the allowed method', async () => {
    const { body, headers, status } = await a2a.h.request<Failure>(`/workspaces/${a2a.scripted}/a2a`)
    expect(status).toBe(405)
    expect(headers.get('allow')).toBe('POST')
    expect(body).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32600 } })
    expect(body.error.data['reason']).toBe('METHOD_NOT_ALLOWED')
    expect(body.error.message).toContain('POST')
  })

  test('the A2A URL works with and without a trailing slash', async () => {
    expect((await a2a.send(a2a.sample, { json: askRegion() }, '/')).status).toBe(200)
  })
})
