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
  scenario: (fetchImpl: typeof fetch, base: string) => Promise<ScenarioResult>
}

const newer = (name: string, role: Role, kind: client1_0.Kind): Case => ({
  name: `the client 1.3 over ${kind.transport}, ${name}`,
  role,
  transport: kind.transport,
  scenario: async (fetchImpl, base) =>
    client1_0.runScenario(await client1_0.createClient(fetchImpl, base, kind)),
})

const older = (role: Role, transport: Case['transport']): Case => ({
  name: `the client 0.3 over ${transport}, to an agent of the SDK ${role}`,
  role,
  transport,
  scenario: async (fetchImpl, base) =>
    client0_3.runScenario(await client0_3.createClient(fetchImpl, base, transport)),
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
  /** Adds the platform's credential, and records the URLs that the client calls. */
  const callerOf = (token: string) => {
    const urls: string[] = []
    const fetchImpl: typeof fetch = (input, init) => {
      urls.push(input instanceof Request ? input.url : String(input))
      const headers = new Headers(init?.headers)
      headers.set('authorization', `Bearer ${token}`)
      return fetch(input, { ...init, headers })
    }
    return { fetchImpl, urls }
  }
  const addressOf = (role: Role) => `${fixture.controlPlane.url}${fixture.workspace(role)}/a2a`

  describe.each(CASES.map((one) => [one.name, one] as const))(
    '%s',
    (_name, { scenario, role, transport }) => {
      /** The results without the proxy. */
      let directly: Promise<ScenarioResult> | undefined

      test.each([
        ['with', '/'],
        ['without', ''],
      ])(
        'the client gets the same results through the proxy, from a base URL %s a trailing slash',
        async (_, slash) => {
          const address = addressOf(role)
          const { fetchImpl, urls } = callerOf(fixture.controlPlane.token)
          directly ??= scenario(fetch, `http://${fixture.agent(role).authority}/`)
          const direct = await directly
          const proxied = await scenario(fetchImpl, `${address}${slash}`)
          const [named, expected] = [proxied, direct].map(({ result }) =>
            createNaming()(JSON.stringify(result)),
          )
          expect(JSON.parse(named ?? '')).toEqual(JSON.parse(expected ?? ''))
          expect(proxied.card).not.toContain(fixture.agent(role).authority)

          const [card, ...calls] = urls
          const path = slash === '' ? address.slice(0, -'/a2a'.length) : address
          expect(card).toBe(`${path}/.well-known/agent-card.json`)
          expect(calls.length).toBeGreaterThan(20)
          for (const url of calls) {
            expect(url.startsWith(address)).toBe(true)
            expect(url === address).toBe(transport === 'JSONRPC')
          }
        },
      )
    },
  )

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
