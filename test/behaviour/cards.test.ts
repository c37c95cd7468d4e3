// Agent cards as callers get them: every URL is ours, credentials of the agent and invalid signatures are removed, and the card is
// served while the agent hibernates.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rewriteCard, rewriteExtendedCard } from '../../lib/a2a/wire/agent-card.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

const URL_OF_OURS = 'https://edge.example/workspaces/11111111-1111-4111-8111-111111111111/a2a'
const INTERNAL = 'http://10.0.0.7:8000'

const HYBRID = {
  name: 'agent',
  url: `${INTERNAL}/rpc`,
  preferredTransport: 'GRPC',
  additionalInterfaces: [
    { url: `${INTERNAL}/rpc`, transport: 'JSONRPC' },
    { url: `${INTERNAL}/grpc`, transport: 'GRPC' },
  ],
  supportedInterfaces: [
    { url: `${INTERNAL}/grpc`, protocolBinding: 'GRPC', protocolVersion: '1.0' },
    { url: `${INTERNAL}/rest`, protocolBinding: 'HTTP+JSON', protocolVersion: '1.0', tenant: 't' },
    { url: `${INTERNAL}/rpc`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
  ],
  securitySchemes: { theirs: { type: 'apiKey', in: 'header', name: 'x-key' } },
  security: [{ theirs: [] }],
  skills: [{ id: 's', security: [{ theirs: [] }], securityRequirements: [], tags: ['kept'] }],
  signatures: [{ protected: 'x', signature: 'y' }],
  iconUrl: 'https://example.com/icon.png',
  unknown: { kept: true },
}

describe('rewriting a card', () => {
  test('a card of both versions gets our URL everywhere, and loses the bindings that are not supported', () => {
    const card = rewriteCard(HYBRID, { url: URL_OF_OURS, secured: true })
    expect(JSON.stringify(card)).not.toContain('10.0.0.7')
    expect(card).toEqual({
      name: 'agent',
      url: URL_OF_OURS,
      preferredTransport: 'JSONRPC',
      additionalInterfaces: [{ url: URL_OF_OURS, transport: 'JSONRPC' }],
      supportedInterfaces: [
        { url: URL_OF_OURS, protocolBinding: 'HTTP+JSON', protocolVersion: '1.0', tenant: 't' },
        { url: URL_OF_OURS, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
      ],
      // a2a-go cannot parse `securityRequirements` (github.com/a2aproject/a2a-go/issues/430, 302).
      securitySchemes: {
        workspaces: { type: 'http', scheme: 'bearer', httpAuthSecurityScheme: { scheme: 'bearer' } },
      },
      security: [{ workspaces: [] }],
      skills: [{ id: 's', tags: ['kept'] }],
      iconUrl: 'https://example.com/icon.png',
      unknown: { kept: true },
    })
  })

  test('a card of 1.0 declares our credential in the format of 1.0', () => {
    const { url: _, ...rest } = HYBRID
    const card = rewriteCard(rest, { url: URL_OF_OURS, secured: true })
    expect(card['securitySchemes']).toEqual({
      workspaces: { httpAuthSecurityScheme: { scheme: 'bearer' } },
    })
    expect(card).not.toHaveProperty('security')
    expect(card).not.toHaveProperty('securityRequirements')
  })

  test('a binding in lower case is offered under its standard name', () => {
    const card = { supportedInterfaces: [{ url: INTERNAL, protocolBinding: 'jsonrpc' }] }
    expect(rewriteCard(card, { url: URL_OF_OURS, secured: false })).toEqual({
      supportedInterfaces: [{ url: URL_OF_OURS, protocolBinding: 'JSONRPC' }],
    })
  })

  test('a preferred transport that is not carried is replaced by one that the agent offers', () => {
    const card = {
      url: INTERNAL,
      preferredTransport: 'GRPC',
      additionalInterfaces: [{ url: INTERNAL, transport: 'HTTP+JSON' }],
    }
    expect(rewriteCard(card, { url: URL_OF_OURS, secured: false })).toEqual({
      url: URL_OF_OURS,
      preferredTransport: 'HTTP+JSON',
      additionalInterfaces: [{ url: URL_OF_OURS, transport: 'HTTP+JSON' }],
    })
  })

  test('the extended card over HTTP+JSON keeps the format that the agent uses', () => {
    const rewrite = (card: Json) =>
      JSON.parse(
        rewriteExtendedCard(JSON.stringify(card), 'rest', { url: URL_OF_OURS, secured: true }),
      ) as Json
    const json = { name: 'a', url: INTERNAL, securitySchemes: { k: { type: 'http', scheme: 'bearer' } } }
    expect(rewrite(json)).toMatchObject({
      securitySchemes: { workspaces: { type: 'http', scheme: 'bearer' } },
      security: [{ workspaces: [] }],
    })
    const proto = { ...json, securitySchemes: { k: { httpAuthSecurityScheme: { scheme: 'bearer' } } } }
    expect(rewrite(proto)).toMatchObject({
      securitySchemes: { workspaces: { httpAuthSecurityScheme: { scheme: 'bearer' } } },
      security: [{ schemes: { workspaces: { list: [] } } }],
    })
  })

  test('a card keeps its signatures only if nothing that they cover was changed', () => {
    const signed = { name: 'a', url: URL_OF_OURS, signatures: [{ signature: 'y' }] }
    const open = { url: URL_OF_OURS, secured: false }
    expect(rewriteCard(signed, open)).toEqual(signed)
    expect(rewriteCard({ ...signed, url: INTERNAL }, open)).not.toHaveProperty('signatures')
    expect(rewriteCard(signed, { ...open, secured: true })).not.toHaveProperty('signatures')
  })

  test('a card that is rewritten twice is unchanged the second time', () => {
    const options = { url: URL_OF_OURS, secured: true }
    const once = rewriteCard(HYBRID, options)
    expect(rewriteCard(once, options)).toEqual(once)
  })

  test('a card of any shape is rewritten without an error', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...Object.keys(HYBRID)), fc.jsonValue()), (card) => {
        const rewritten = rewriteCard(card, { url: URL_OF_OURS, secured: true })
        expect(rewritten).not.toHaveProperty('signatures')
        if (Object.hasOwn(card, 'url')) expect(rewritten['url']).toBe(URL_OF_OURS)
      }),
    )
  })

  test('a card in a response is rewritten with its numbers kept, and other responses are unchanged', () => {
    const options = { url: URL_OF_OURS, secured: false }
    const answer = `{"jsonrpc":"2.0","id":9007199254740993,"result":{"name":"a","url":"${INTERNAL}","v":1.0}}`
    expect(rewriteExtendedCard(answer, 'json-rpc', options)).toBe(
      `{"jsonrpc":"2.0","id":9007199254740993,"result":{"name":"a","url":"${URL_OF_OURS}","v":1.0}}`,
    )
    for (const other of [
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32007}}',
      '{ "result": 5 }',
      'not JSON',
      '[1.0]',
    ])
      expect(rewriteExtendedCard(other, 'json-rpc', options)).toBe(other)
  })
})

describe('the card route', () => {
  let h: Harness
  let id: string
  beforeAll(async () => {
    h = await createHarness()
    id = (await h.createWorkspace({ name: 'carded' })).id
  })
  afterAll(() => h.close())

  const read = (path: string, headers: Record<string, string> = {}) =>
    h.fetchRaw(`/workspaces/${id}${path}`, { headers })

  test.each(['/a2a', ''])('the card is served at %s/.well-known under both names', async (base) => {
    const [now, before] = [
      await read(`${base}/.well-known/agent-card.json`),
      await read(`${base}/.well-known/agent.json`),
    ]
    expect(now.status).toBe(200)
    const card = await now.text()
    expect(await before.text()).toBe(card)
    expect((JSON.parse(card) as Json)['url']).toBe(`http://platform.test/workspaces/${id}/a2a`)
  })

  test('the card has the format of the requested version, and the response varies by it', async () => {
    const legacy = await read('/a2a/.well-known/agent-card.json')
    const current = await read('/a2a/.well-known/agent-card.json', { 'a2a-version': '1.0' })
    expect(((await legacy.json()) as Json)['url']).toBeDefined()
    expect(((await current.json()) as Json)['url']).toBeUndefined()
    expect(current.headers.get('vary')).toContain('A2A-Version')
    expect(legacy.headers.get('etag')).not.toBe(current.headers.get('etag'))
  })

  test('a conditional request for an unchanged card is answered with 304', async () => {
    const etag = (await read('/a2a/.well-known/agent-card.json')).headers.get('etag') ?? ''
    const again = await read('/a2a/.well-known/agent-card.json', { 'if-none-match': `"x", ${etag}` })
    expect([again.status, await again.text()]).toEqual([304, ''])
  })

  test('the stored card is served while the agent hibernates, and does not wake it', async () => {
    await h.request(`/workspaces/${id}/hibernate`, { method: 'POST', headers: { prefer: 'wait=10' } })
    const card = await read('/a2a/.well-known/agent-card.json')
    expect(card.status).toBe(200)
    expect(card.headers.get('x-agent-card')).toBe('stored')
    expect(((await card.json()) as Json)['name']).toBe('carded')
    await h.untilIdle()
    expect((await h.request(`/workspaces/${id}`)).body['status']).toBe('hibernated')
  })

  test('a card that does not exist yet is 503 with a time to ask again, and nothing for the log of errors', async () => {
    const external = await h.request('/workspaces', {
      method: 'POST',
      json: { name: 'elsewhere', runtime: 'external' },
    })
    const path = `/workspaces/${String(external.body['id'])}/a2a/.well-known/agent-card.json`
    const { headers, status } = await h.fetchRaw(path)
    expect([status, headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^\d+$/)])
    expect((await h.logs()).filter(({ level }) => level === 'error')).toEqual([])
  })

  test('the card of an unknown or removed workspace is 404, and what is neither an id nor a slug is 400', async () => {
    const status = async (other: string) =>
      (await h.fetchRaw(`/workspaces/${other}/a2a/.well-known/agent-card.json`)).status
    expect(await status(crypto.randomUUID())).toBe(404)
    expect(await status('nonsense')).toBe(404)
    expect(await status('not_a_slug')).toBe(400)
    await h.request(`/workspaces/${id}`, { method: 'DELETE' })
    expect(await status(id)).toBe(404)
  })
})
