// The official clients, made from the address of a card of ours: they find every binding of the agent through us, get what they
// would get directly, and never call anybody else.
import { describe, expect, test } from 'vitest'
import * as client0_3 from '../support/client-0-3.ts'
import * as client1_0 from '../support/client-1-0.ts'
import { createNaming } from '../support/compare.ts'
import type { Role, Stage } from '../support/fixture.ts'

type Told = { told: unknown; card: string }

type Case = {
  name: string
  role: Role
  transport: 'JSONRPC' | 'HTTP+JSON'
  errands: (fetchImpl: typeof fetch, base: string) => Promise<Told>
}

const newer = (name: string, role: Role, kind: client1_0.Kind): Case => ({
  name: `the client 1.3 over ${kind.transport}, ${name}`,
  role,
  transport: kind.transport,
  errands: async (fetchImpl, base) =>
    client1_0.runErrands(await client1_0.createClient(fetchImpl, base, kind)),
})

const older = (role: Role, transport: Case['transport']): Case => ({
  name: `the client 0.3 over ${transport}, to an agent of the SDK ${role}`,
  role,
  transport,
  errands: async (fetchImpl, base) =>
    client0_3.runErrands(await client0_3.createClient(fetchImpl, base, transport)),
})

const CASES: Case[] = [
  newer('to an agent of its own', 'v1.0', { transport: 'JSONRPC' }),
  newer('to an agent of its own', 'v1.0', { transport: 'HTTP+JSON' }),
  newer('speaking 0.3 to an agent of both', 'v1.0', { transport: 'JSONRPC', older: true }),
  newer('speaking 0.3 to an agent of both', 'v1.0', { transport: 'HTTP+JSON', older: true }),
  newer('to an agent of the older SDK', 'v0.3', { transport: 'JSONRPC' }),
  older('v1.0', 'JSONRPC'),
  older('v1.0', 'HTTP+JSON'),
  older('v0.3', 'JSONRPC'),
]

export function clients(stage: Stage): void {
  /** Adds our credential, and remembers whom the client called. */
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
  const addressOf = (role: Role) => `${stage.place.url}${stage.workspace(role)}/a2a`

  describe.each(CASES.map((one) => [one.name, one] as const))(
    '%s:',
    (_name, { errands, role, transport }) => {
      /** What they bring when nobody is in between. */
      let directly: Promise<Told> | undefined

      test.each([
        ['with', '/'],
        ['without', ''],
      ])('runs all its errands from an address %s a slash at its end', async (_, slash) => {
        const address = addressOf(role)
        const { fetchImpl, urls } = callerOf(stage.place.token)
        directly ??= errands(fetch, `http://${stage.agent(role).authority}/`)
        const direct = await directly
        const proxied = await errands(fetchImpl, `${address}${slash}`)
        const [named, expected] = [proxied, direct].map(({ told }) => createNaming()(JSON.stringify(told)))
        expect(JSON.parse(named ?? '')).toEqual(JSON.parse(expected ?? ''))
        expect(proxied.card).not.toContain(stage.agent(role).authority)

        const [card, ...calls] = urls
        const door = slash === '' ? address.slice(0, -'/a2a'.length) : address
        expect(card).toBe(`${door}/.well-known/agent-card.json`)
        expect(calls.length).toBeGreaterThan(20)
        for (const url of calls) {
          expect(url.startsWith(address)).toBe(true)
          expect(url === address).toBe(transport === 'JSONRPC')
        }
      })
    },
  )

  test.each(['v1.0', 'v0.3'] as const)('the oldest client is understood by %s', async (role) => {
    const { fetchImpl } = callerOf(stage.place.token)
    const told = async (fetcher: typeof fetch, base: string) =>
      createNaming()(
        JSON.stringify(await client0_3.sayWithOldest(fetcher, `${base}/.well-known/agent-card.json`, 'hi')),
      )
    const measure = await told(fetch, `http://${stage.agent(role).authority}`)
    expect(measure).toContain('You said: hi')
    expect(await told(fetchImpl, addressOf(role))).toBe(measure)
  })
}
