// The official clients, created from a card that the proxy serves. They find every binding of the agent through the proxy,
// get the same results as directly, and call no other address.
import { describe, expect, test } from 'vitest'
import * as client0_3 from '../support/client-0-3.ts'
import * as client1_0 from '../support/client-1-0.ts'
import { createNaming } from '../support/compare.ts'
import type { Role, Fixture } from '../support/fixture.ts'

type ScenarioResult = { result: unknown; card: string }

type Case = {
  name: string
  role: Role
  transport: 'JSONRPC' | 'HTTP+JSON'
  /** Creates the client, which fetches the card. @returns what calls every method */
  connect: (fetchImpl: typeof fetch, base: string) => Promise<() => Promise<ScenarioResult>>
}

const newer = (name: string, role: Role, kind: client1_0.Kind): Case => ({
  name: `the client 1.3 over ${kind.transport}, ${name}`,
  role,
  transport: kind.transport,
  connect: async (fetchImpl, base) => {
    const created = await client1_0.createClient(fetchImpl, base, kind)
    return () => client1_0.runScenario(created)
  },
})

const older = (role: Role, transport: Case['transport']): Case => ({
  name: `the client 0.3 over ${transport}, to an agent of the SDK ${role}`,
  role,
  transport,
  connect: async (fetchImpl, base) => {
    const created = await client0_3.createClient(fetchImpl, base, transport)
    return () => client0_3.runScenario(created)
  },
})

const CASES: Case[] = [
  newer('to an agent of the same SDK', 'v1.0', { transport: 'JSONRPC' }),
  newer('to an agent of the same SDK', 'v1.0', { transport: 'HTTP+JSON' }),
  newer('in 0.3 to an agent of both versions', 'v1.0', { transport: 'JSONRPC', older: true }),
  newer('in 0.3 to an agent of both versions', 'v1.0', { transport: 'HTTP+JSON', older: true }),
  newer('to an agent of the older SDK', 'v0.3', { transport: 'JSONRPC' }),
  older('v1.0', 'JSONRPC'),
  older('v1.0', 'HTTP+JSON'),
  older('v0.3', 'JSONRPC'),
]

export function clients(fixture: Fixture): void {
  /** Adds the platform's credential, and records the URLs that the client calls and the card that the first one answers. */
  const callerOf = (token: string) => {
    const urls: string[] = []
    const cards: string[] = []
    const fetchImpl: typeof fetch = async (input, init) => {
      const isFirst = urls.push(input instanceof Request ? input.url : String(input)) === 1
      const headers = new Headers(init?.headers)
      headers.set('authorization', `Bearer ${token}`)
      const response = await fetch(input, { ...init, headers })
      if (isFirst) cards.push(await response.clone().text())
      return response
    }
    return { fetchImpl, urls, cards }
  }
  const addressOf = (role: Role) => `${fixture.controlPlane.url}${fixture.workspace(role)}/a2a`

  describe.each(CASES.map((one) => [one.name, one] as const))('%s', (_name, { connect, role, transport }) => {
    test('the client gets the same results through the proxy', async () => {
      const address = addressOf(role)
      const { fetchImpl, urls } = callerOf(fixture.controlPlane.token)
      const [direct, proxied] = [
        await (await connect(fetch, `http://${fixture.agent(role).authority}/`))(),
        await (await connect(fetchImpl, `${address}/`))(),
      ]
      const [named, expected] = [proxied, direct].map(({ result }) => createNaming()(JSON.stringify(result)))
      expect(JSON.parse(named ?? '')).toEqual(JSON.parse(expected ?? ''))
      expect(proxied.card).not.toContain(fixture.agent(role).authority)

      const [card, ...calls] = urls
      expect(card).toBe(`${address}/.well-known/agent-card.json`)
      expect(calls.length).toBeGreaterThan(20)
      for (const url of calls) {
        expect(url.startsWith(address)).toBe(true)
        expect(url === address).toBe(transport === 'JSONRPC')
      }
    })

    // All that a client knows of an agent is its card.
    test('the client finds the same card from a base URL without a trailing slash', async () => {
      const address = addressOf(role)
      const [slash, none] = [callerOf(fixture.controlPlane.token), callerOf(fixture.controlPlane.token)]
      await connect(slash.fetchImpl, `${address}/`)
      await connect(none.fetchImpl, address)
      expect(none.urls).toEqual([`${address.slice(0, -'/a2a'.length)}/.well-known/agent-card.json`])
      expect(none.cards).toEqual(slash.cards)
      expect(none.cards[0]).toContain(address)
    })
  })

  test.each(['v1.0', 'v0.3'] as const)(
    'the deprecated class A2AClient gets the same results from %s through the proxy',
    async (role) => {
      const { fetchImpl } = callerOf(fixture.controlPlane.token)
      const result = async (fetcher: typeof fetch, base: string) =>
        createNaming()(
          JSON.stringify(
            await client0_3.sendWithOldestClient(fetcher, `${base}/.well-known/agent-card.json`, 'hi'),
          ),
        )
      const expected = await result(fetch, `http://${fixture.agent(role).authority}`)
      expect(expected).toContain('You said: hi')
      expect(await result(fetchImpl, addressOf(role))).toBe(expected)
    },
  )
}
