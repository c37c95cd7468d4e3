// Agent cards, as documents and in results: every address is the proxy's, none is the agent's, and the rest is unchanged
// (docs/facts/a2a.md §3.2).
import { describe, expect, test } from 'vitest'
import { request, V0_3, V1_0 } from '../support/dialect.ts'
import type { Role, Fixture } from '../support/fixture.ts'
import { type Answer, call, headerOf, jsonOf } from '../support/raw-http.ts'

type Entry = { url: string; transport?: string; protocolBinding?: string; protocolVersion?: string }

type Card = Record<string, unknown> & {
  url?: string
  preferredTransport?: string
  additionalInterfaces?: Entry[]
  supportedInterfaces?: Entry[]
}

const NAMES = ['agent-card.json', 'agent.json']
const VERSIONS: Record<string, Record<string, string>> = {
  'no version': {},
  'version 0.3': { 'a2a-version': '0.3' },
  'version 1.0': { 'a2a-version': '1.0' },
}

/** The members that the proxy rewrites. */
const REWRITTEN = [
  'url',
  'additionalInterfaces',
  'supportedInterfaces',
  'signatures',
  'securitySchemes',
  'security',
  'securityRequirements',
]

export function cards(fixture: Fixture): void {
  const roles: Role[] = ['v1.0', 'v0.3']
  const addressOf = (role: Role) => `${fixture.controlPlane.url}${fixture.workspace(role)}/a2a`

  const fetchCard = (role: Role, path: string, headers: Record<string, string> = {}): Promise<Answer> => {
    const { controlPlane } = fixture
    const sent = { authorization: `Bearer ${controlPlane.token}`, ...headers }
    return call(controlPlane.url, `${fixture.workspace(role)}${path}`, { headers: sent })
  }

  const fetchDirectly = async (role: Role, headers: Record<string, string>): Promise<Card> => {
    const { authority } = fixture.agent(role)
    return jsonOf(await call(`http://${authority}`, '/.well-known/agent-card.json', { headers })) as Card
  }

  /** Compares a card with the one that the agent gives directly. */
  function expectRewritten(role: Role, card: Card, direct: Card): void {
    const text = JSON.stringify(card)
    expect(text).not.toContain(fixture.agent(role).authority)
    expect(text).not.toMatch(/a2a\/jsonrpc|a2a\/rest|\/a2a\/a2a|GRPC/)
    expect(JSON.stringify(direct)).toContain(fixture.agent(role).authority)
    const address = addressOf(role)
    expect('url' in card).toBe('url' in direct)
    if ('url' in card) expect(card.url).toBe(address)
    for (const list of ['additionalInterfaces', 'supportedInterfaces'] as const) {
      const carried = direct[list]?.filter(
        ({ protocolBinding, transport }) => (protocolBinding ?? transport) !== 'GRPC',
      )
      expect(card[list]).toEqual(carried?.map((entry) => ({ ...entry, url: address })))
    }
    expect(card).not.toHaveProperty('signatures')
    expect(without(card)).toEqual(without(direct))
  }

  describe.each(roles)('the agent %s', (role) => {
    describe.each(Object.entries(VERSIONS))('requested with %s', (_, headers) => {
      test.each(
        ['/a2a/.well-known', '/.well-known'].flatMap((base) => NAMES.map((name) => `${base}/${name}`)),
      )('the card at %s contains only addresses of the proxy', async (path) => {
        const answer = await fetchCard(role, path, headers)
        expect([answer.status, headerOf(answer, 'content-type')]).toEqual([
          200,
          expect.stringMatching(/^application\/json/),
        ])
        expect(headerOf(answer, 'vary')?.toLowerCase()).toContain('a2a-version')
        expectRewritten(role, jsonOf(answer) as Card, await fetchDirectly(role, headers))
      })

      test("a proxied card asks for the platform's credential, not for the agent's", async () => {
        const card = jsonOf(await fetchCard(role, '/.well-known/agent-card.json', headers)) as Card
        // Neither the scheme nor a requirement that names it.
        expect(JSON.stringify(card)).not.toMatch(/x-agent-key|"key"/)
        expect(JSON.stringify(card['securitySchemes'])).toMatch(/"scheme":"bearer"/i)
        // a2a-go cannot parse the requirements of 1.0; every SDK reads the scheme alone.
        expect(card).not.toHaveProperty('securityRequirements')
        const is1_0 = card.supportedInterfaces !== undefined
        expect(JSON.stringify(card['securitySchemes']).includes('httpAuthSecurityScheme')).toBe(is1_0)
        expect('security' in card || card.url === undefined).toBe(true)
      })

      test('a proxied card is cached until it changes', async () => {
        const first = await fetchCard(role, '/.well-known/agent-card.json', headers)
        const tag = headerOf(first, 'etag') ?? ''
        expect(tag).toMatch(/^(W\/)?".+"$/)
        const again = await fetchCard(role, '/a2a/.well-known/agent-card.json', {
          ...headers,
          'if-none-match': `"other", ${tag}`,
        })
        expect([again.status, headerOf(again, 'etag'), again.body.length]).toEqual([304, tag, 0])
        expect(headerOf(again, 'vary')?.toLowerCase()).toContain('a2a-version')
        const changed = await fetchCard(role, '/.well-known/agent-card.json', {
          ...headers,
          'if-none-match': '"other"',
        })
        expect(changed.status).toBe(200)
        // Shared caches must not store a document that needs a credential.
        expect(headerOf(first, 'cache-control')).toContain('private')
      })
    })

    test("a proxied card does not depend on the caller's host name", async () => {
      const answer = await fetchCard(role, '/.well-known/agent-card.json', {
        host: 'evil.example',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'ftp',
      })
      expect(String(answer.body)).not.toMatch(/evil|ftp/)
    })
  })

  test('two versions of one card have different ETags', async () => {
    const [older, newer] = await Promise.all(
      [{}, { 'a2a-version': '1.0' }].map((headers) =>
        fetchCard('v1.0', '/.well-known/agent-card.json', headers),
      ),
    )
    expect(older && headerOf(older, 'etag')).not.toBe(newer && headerOf(newer, 'etag'))
    expect(older && String(older.body)).toContain('additionalInterfaces')
    expect(newer && String(newer.body)).not.toContain('additionalInterfaces')
  })

  test.each(['v1.0', 'v0.3'] as const)("the card of %s requires the platform's credential", async (role) => {
    const answer = await call(
      fixture.controlPlane.url,
      `${fixture.workspace(role)}/.well-known/agent-card.json`,
    )
    expect(answer.status).toBe(401)
  })

  describe('extended cards', () => {
    const EXTENDED = { description: 'known to friends only' }

    test.each([
      { role: 'v1.0' as const, dialect: V1_0, params: {} },
      { role: 'v1.0' as const, dialect: V0_3, params: undefined },
      { role: 'v0.3' as const, dialect: V0_3, params: undefined },
    ])(
      'the extended card of $role is rewritten in JSON-RPC $dialect.name',
      async ({ role, dialect, params }) => {
        const [direct, proxied] = fixture.targets(role)
        const body = request(dialect, 'extendedCard', params, '☎')
        const [expected, answer] = await Promise.all(
          [direct, proxied].map((target) => target.rpc(body, dialect.headers)),
        )
        if (expected === undefined || answer === undefined) throw new Error('no answer')
        expect([answer.status, headerOf(answer, 'content-type')]).toEqual([
          expected.status,
          headerOf(expected, 'content-type'),
        ])
        const { result, ...frame } = jsonOf(answer) as { result: Card }
        expect(frame).toEqual({ jsonrpc: '2.0', id: '☎' })
        expect(result).toMatchObject(EXTENDED)
        expectRewritten(role, result, (jsonOf(expected) as { result: Card }).result)
        expectNewBytes(expected, answer)
      },
    )

    test.each([
      { call: 'GET /extendedAgentCard', headers: V1_0.headers },
      { call: 'GET /acme/extendedAgentCard?x=1', headers: V1_0.headers },
      { call: 'GET /v1/card', headers: V0_3.headers },
    ])('the extended card is rewritten over HTTP+JSON: $call', async ({ call: asked, headers }) => {
      const [direct, proxied] = fixture.targets('v1.0')
      const [expected, answer] = await Promise.all(
        [direct, proxied].map((target) => target.rest(asked, { headers })),
      )
      if (expected === undefined || answer === undefined) throw new Error('no answer')
      expect([answer.status, headerOf(answer, 'content-type')]).toEqual([
        expected.status,
        headerOf(expected, 'content-type'),
      ])
      const card = jsonOf(answer) as Card
      expect(card).toMatchObject(EXTENDED)
      expectRewritten('v1.0', card, jsonOf(expected) as Card)
      expectNewBytes(expected, answer)
    })
  })
}

/** The agent's validators describe other bytes than those that the proxy sends. */
function expectNewBytes(expected: Answer, answer: Answer): void {
  expect(headerOf(answer, 'etag')).not.toBe(headerOf(expected, 'etag'))
  const length = headerOf(answer, 'content-length')
  if (length !== undefined) expect(Number(length)).toBe(answer.body.length)
}

/** The members of a card that the proxy does not change, including those of its skills. */
function without(card: object): object {
  const kept = Object.entries(card).filter(([name]) => !REWRITTEN.includes(name))
  const skills = (value: unknown) => (value as object[]).map(without)
  return Object.fromEntries(kept.map(([name, value]) => [name, name === 'skills' ? skills(value) : value]))
}
