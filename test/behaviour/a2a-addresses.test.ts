// Where A2A requests arrive at the agent: redirects of its framework, cards that change, and agents that HTTP does not
// reach. Public reports: github.com/GoogleCloudPlatform/agent-starter-pack/issues/448 (redirects of mounted apps).
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { useA2aFixture } from '../support/a2a-fixture.ts'
import { askRegion, createHarness, type Harness, type Json } from '../support/harness.ts'

const a2a = useA2aFixture()
const pathsSeen = () => a2a.seen.map(({ path }) => path)
const redirect = (location: string, status = 307) => new Response(null, { status, headers: { location } })
/** Cloudflare's answer for an origin to which it could not connect. */
const NOT_CONNECTED = 521
type Failure = { id: unknown; error: { message: string; data: Json } }

describe('redirects', () => {
  test.each([
    [307, '/moved/'],
    [308, 'moved/'],
    // The Fly Proxy ends TLS, so an agent sees its own address as http.
    [307, 'http://fly-proxy.test/moved/'],
    [307, 'https://fly-proxy.test/moved/'],
  ])('a redirect of the agent with %i to %s repeats the request there', async (status, location) => {
    a2a.answer = async (request) =>
      new URL(request.url).pathname === '/'
        ? redirect(location, status)
        : Response.json({ jsonrpc: '2.0', id: 1, result: await request.text() })
    const { body } = await a2a.send(a2a.scripted, {
      body: '{"a": 1.0}',
      headers: { 'content-type': 'application/json' },
    })
    expect(body['result']).toContain('"a": 1.0')
    expect(pathsSeen()).toEqual(['/', '/moved/'])
    expect(a2a.seen[1]?.headers.get('authorization')).toBe(a2a.seen[0]?.headers.get('authorization'))
  })

  test.each([
    ['a redirect that repeats itself without end', () => redirect(`/${a2a.seen.length}`), ['/', '/1', '/2']],
    ['a redirect to another host', () => redirect('http://evil.test/'), ['/']],
    ['a redirect to another port', () => redirect('http://fly-proxy.test:8080/x'), ['/']],
    ['a redirect that would turn the message into a GET', () => redirect('/moved', 303), ['/']],
    ['a redirect to the address that was requested', () => redirect('/'), ['/']],
    ['a redirect without an address', () => new Response(null, { status: 307 }), ['/']],
  ])('%s is an error of the agent', async (_what, answer, paths) => {
    a2a.answer = answer
    const { body, status } = await a2a.send<Failure>(a2a.scripted, { json: askRegion(3) })
    expect([status, body.id, body.error.data['reason']]).toEqual([502, 3, 'INVALID_AGENT_RESPONSE'])
    expect(pathsSeen()).toEqual(paths)
    expect(a2a.h.outgoing.some(({ url }) => url.startsWith('http://evil.test'))).toBe(false)
  })

  test('a message that an agent has redirected may have arrived, whatever the next address answers', async () => {
    a2a.answer = ({ url }) =>
      new URL(url).pathname === '/' ? redirect('/moved/') : new Response('', { status: NOT_CONNECTED })
    const { body } = await a2a.send<Failure>(a2a.scripted, { json: askRegion(7) })
    expect(body.error.data).toMatchObject({ reason: 'AGENT_UNREACHABLE', delivered: 'unknown' })
    expect(pathsSeen()).toEqual(['/', '/moved/'])
  })

  test('a redirect of the card leads to the card', async () => {
    a2a.answerCard = (request) =>
      request.url.includes('/real/')
        ? Response.json({ name: 'moved card' })
        : redirect('/real/agent-card.json', 302)
    const { body } = await a2a.h.request(`/workspaces/${a2a.scripted}/.well-known/agent-card.json`)
    expect(body['name']).toBe('moved card')
  })
})

describe('changed cards', () => {
  const offer = (path: string): Json => ({ name: 'scripted', url: `http://10.0.0.1:8000${path}` })

  test('an agent with a new address gets the message that found the old one gone', async () => {
    a2a.h.advance(60_000)
    a2a.card = offer('/renamed')
    a2a.answer = ({ url }) =>
      new URL(url).pathname === '/renamed'
        ? Response.json({ jsonrpc: '2.0', id: 1, result: 'here' })
        : new Response('Not Found', { status: 404, headers: { 'content-type': 'text/plain' } })
    const { body } = await a2a.send(a2a.scripted, { json: askRegion() })
    expect(body['result']).toBe('here')
    expect(pathsSeen()).toEqual(['/', '/renamed'])
    await a2a.send(a2a.scripted, { json: askRegion() })
    expect(pathsSeen()).toEqual(['/', '/renamed', '/renamed'])
  })

  test('a message that the old address has answered may have arrived, whatever the new one answers', async () => {
    a2a.h.advance(60_000)
    a2a.card = offer('/moved-away')
    a2a.answer = ({ url }) =>
      new Response('', { status: new URL(url).pathname === '/moved-away' ? 413 : 404 })
    const { body } = await a2a.send<Failure>(a2a.scripted, { json: askRegion(8) })
    expect(body.error.data).toMatchObject({ reason: 'AGENT_HTTP_ERROR', delivered: 'unknown' })
    expect(pathsSeen()).toEqual(['/renamed', '/moved-away'])
  })

  test('a message that the old address has answered gets that answer when the new address cannot be stored', async () => {
    a2a.h.advance(60_000)
    a2a.card = offer('/not-stored')
    a2a.answer = async () => {
      await a2a.h.db.execute(sql`alter table workspaces rename to workspaces_away`)
      return new Response('', { status: 404 })
    }
    try {
      const { body } = await a2a.send<Failure>(a2a.scripted, { json: askRegion(9) })
      expect(body.error.data).toMatchObject({ reason: 'AGENT_HTTP_ERROR', delivered: 'unknown' })
    } finally {
      await a2a.h.db.execute(sql`alter table workspaces_away rename to workspaces`)
    }
  })

  test('an agent is reached at its new address once its card was read through the proxy', async () => {
    a2a.card = offer('/read')
    await a2a.h.request(`/workspaces/${a2a.scripted}/.well-known/agent-card.json`)
    await a2a.send(a2a.scripted, { json: askRegion() })
    expect(pathsSeen()).toEqual(['/read'])
  })

  test('after several 404s in a row, the card of an agent is requested once', async () => {
    a2a.h.advance(60_000)
    a2a.card = offer('/read')
    let cards = 0
    a2a.answerCard = () => {
      cards++
      return Response.json(a2a.card)
    }
    a2a.answer = () => new Response('', { status: 404, headers: { 'content-type': 'text/plain' } })
    for (let i = 0; i < 3; i++) {
      const { body, status } = await a2a.send<Failure>(a2a.scripted, { json: askRegion(i) })
      expect([status, body.id, body.error.data['reason']]).toEqual([404, i, 'AGENT_HTTP_ERROR'])
    }
    await a2a.h.untilIdle()
    expect(cards).toBe(1)
  })
})

describe('HTTP+JSON', () => {
  const offerRest = {
    name: 'scripted',
    supportedInterfaces: [{ url: 'http://x:8000/rest', protocolBinding: 'HTTP+JSON' }],
  }

  test('HEAD reaches the agent, and its answer has no body', async () => {
    a2a.h.advance(60_000)
    a2a.card = offerRest
    await a2a.h.request(`/workspaces/${a2a.scripted}/.well-known/agent-card.json`)
    a2a.answer = () =>
      new Response(null, {
        headers: { 'content-type': 'application/a2a+json', 'content-length': '25', etag: '"t"' },
      })
    const path = `/workspaces/${a2a.scripted}/a2a/tasks/1?historyLength=2`
    const response = await a2a.h.fetchRaw(path, { method: 'HEAD' })
    expect([response.status, response.headers.get('content-type'), response.headers.get('etag')]).toEqual([
      200,
      'application/a2a+json',
      '"t"',
    ])
    expect(await response.text()).toBe('')
    expect(a2a.seen.map(({ method, path: seen }) => [method, seen])).toEqual([['HEAD', '/rest/tasks/1']])
  })

  test('an error of ours to HEAD has its status and no body', async () => {
    a2a.answer = () => new Response('<p>', { status: 500, headers: { 'content-type': 'text/html' } })
    const response = await a2a.h.fetchRaw(`/workspaces/${a2a.scripted}/a2a/tasks/1`, { method: 'HEAD' })
    expect([response.status, await response.text()]).toEqual([502, ''])
  })

  test('a JSON-RPC message to an agent that offers only HTTP+JSON is refused with the way out', async () => {
    a2a.card = offerRest
    const { body, status } = await a2a.send<Failure>(a2a.scripted, { json: askRegion(4) })
    expect([status, body.id, body.error.data['reason']]).toEqual([404, 4, 'BINDING_NOT_OFFERED'])
    expect(body.error.message).toContain('use HTTP+JSON')
    expect(a2a.seen).toEqual([])
  })
})

describe('gRPC', () => {
  const GRPC_IMAGE = 'ghcr.io/molecule-ai/grpc'
  const GRPC = { name: 'g', supportedInterfaces: [{ url: 'localhost:50051', protocolBinding: 'GRPC' }] }
  let h: Harness
  let card: Json = GRPC
  let created: Json & { id: string }
  beforeAll(async () => {
    h = await createHarness({
      programs: {
        [GRPC_IMAGE]: async (machine) => {
          await machine.listen(8000, () => Response.json(card))
          return new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))
        },
      },
    })
    created = await h.createWorkspace({ name: 'grpc', image: GRPC_IMAGE })
  })
  afterAll(() => h.close())

  test('an agent that offers only gRPC is degraded, with the reason that HTTP does not reach it', async () => {
    expect(created).toMatchObject({ status: 'degraded', reason: { code: 'not_reachable_by_http' } })
    const { body } = await h.request(`/workspaces/${created.id}/explain`)
    expect(body['summary']).toContain('its card offers only gRPC')
    await h.request('/registry/heartbeat', {
      method: 'POST',
      headers: { authorization: `Bearer ${await h.tokenOf(created.id)}` },
      json: { workspace_id: created.id, error_rate: 0 },
    })
    expect((await h.request(`/workspaces/${created.id}`)).body['status']).toBe('degraded')
  })

  test('an agent that offers only gRPC gets no message, and its card is not served', async () => {
    const message = await h.request<Failure>(`/workspaces/${created.id}/a2a`, {
      method: 'POST',
      json: askRegion(5),
    })
    expect([message.status, message.body.id, message.body.error.data['reason']]).toEqual([
      404,
      5,
      'BINDING_NOT_OFFERED',
    ])
    expect(message.body.error.message).toContain('gRPC')
    const served = await h.request(`/workspaces/${created.id}/.well-known/agent-card.json`)
    expect([served.status, served.body['detail']]).toEqual([409, expect.stringContaining('gRPC')])
  })

  test('an agent that offered only gRPC is ready as soon as its card offers JSON-RPC', async () => {
    card = {
      name: 'g',
      supportedInterfaces: [...GRPC.supportedInterfaces, { url: 'x:8000/', protocolBinding: 'JSONRPC' }],
    }
    await h.request('/registry/update-card', {
      method: 'POST',
      headers: { authorization: `Bearer ${await h.tokenOf(created.id)}` },
      json: { workspace_id: created.id, agent_card: card },
    })
    expect((await h.request(`/workspaces/${created.id}`)).body).toMatchObject({
      status: 'ready',
      reason: null,
    })
  })
})
