// Agents and clients of other makes: a client gets the same results through the proxy as directly, with and without a token
// (github.com/GoogleCloudPlatform/agent-starter-pack/issues/448, github.com/trpc-group/trpc-a2a-go/issues/46,
// github.com/kubently/kubently/issues/65 for mounted agents; github.com/a2aproject/a2a-inspector/issues/86,
// github.com/Molecule-AI/molecule-core/issues/2193, github.com/kagent-dev/kagent/issues/1092, github.com/a2aproject/A2A/issues/1366 for
// the old place of the card; github.com/a2aproject/a2a-go/issues/430 for the security of cards).
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startAgent0_3 } from '../../conformance/agents/agent-0-3.ts'
import { startAgent1_0 } from '../../conformance/agents/agent-1-0.ts'
import { type ControlPlane, startNode } from '../../conformance/support/control-plane.ts'
import { createWorkspace } from '../../conformance/support/fixture.ts'
import { machineOf } from '../../conformance/support/machine.ts'
import { type ClientResult, hasPart, runForeignClient, startForeignAgent } from './parts.ts'

type Started = { port: number; stop: () => Promise<void> }
type AgentKind = { part: string | undefined; start: () => Promise<Started> }

const foreign = (part: string, program: string, ...args: string[]): AgentKind => ({
  part,
  start: () => startForeignAgent(part, program, args),
})
const ours = (start: typeof startAgent1_0): AgentKind => ({
  part: undefined,
  async start() {
    const agent = await start(true)
    return { port: agent.port, stop: () => agent.close() }
  },
})

/** Six makes: a2a-python in three lines, a2a-js in two, a2a-go, fasta2a, python-a2a, and FastAPI's mount. */
const AGENTS: Record<string, AgentKind> = {
  'a2a-python 0.2': foreign('python-0.2', 'agents/agent_0.py'),
  'a2a-python 0.3, mounted': foreign('python-0.3', 'agents/agent_0.py', '/a2a/echo'),
  'a2a-python 1': foreign('python-1', 'agents/agent_1.py'),
  'a2a-python 1 with 0.3': foreign('python-1', 'agents/agent_1.py', 'compat'),
  'a2a-go 2': foreign('go', 'serve'),
  fasta2a: foreign('fasta2a', 'agents/fasta2a_agent.py'),
  'python-a2a': foreign('python-a2a', 'agents/python_a2a_agent.py'),
  'a2a-js 0.3': ours(startAgent0_3),
  'a2a-js 1': ours(startAgent1_0),
}

type ClientKind = { part: string; program: string; args?: string[] }
const CLIENTS: Record<string, ClientKind> = {
  'a2a-python 0.2': { part: 'python-0.2', program: 'clients/client_0_2.py' },
  'a2a-python 0.3': { part: 'python-0.3', program: 'clients/client_0_3.py' },
  'a2a-python 1': { part: 'python-1', program: 'clients/client_1.py' },
  'a2a-python 1 over HTTP+JSON': { part: 'python-1', program: 'clients/client_1.py', args: ['HTTP+JSON'] },
  'a2a-go 2': { part: 'go', program: 'client' },
  fasta2a: { part: 'fasta2a', program: 'clients/client_fasta2a.py' },
}

const agentNames = Object.keys(AGENTS).filter(
  (name) => hasPart(AGENTS[name]?.part ?? 'go') || AGENTS[name]?.part === undefined,
)
const clientNames = Object.keys(CLIENTS).filter((name) => hasPart(CLIENTS[name]?.part ?? ''))
const PAIRS = agentNames.flatMap((agent) => clientNames.map((client) => ({ agent, client })))

const run = (client: string, base: string, token: string): Promise<ClientResult> => {
  const { args = [], part, program } = CLIENTS[client] ?? { part: '', program: '' }
  return runForeignClient(part, program, [base, token, ...args])
}

const imageOf = (agent: string) => `ghcr.io/molecule-ai/field-${agent.replaceAll(/[^a-z0-9]+/g, '-')}`

let agents: Map<string, Started>
let direct: Map<string, ClientResult>
beforeAll(async () => {
  // The SDKs of these agents log every error that they answer with.
  for (const method of ['error', 'warn'] as const) console[method] = () => {}
  agents = new Map()
  for (const name of agentNames) agents.set(name, await (AGENTS[name] as AgentKind).start())
  direct = new Map()
})
afterAll(async () => {
  for (const agent of agents?.values() ?? []) await agent.stop()
})

const directResult = async (agent: string, client: string): Promise<ClientResult> => {
  const key = `${agent} ${client}`
  const found = direct.get(key) ?? (await run(client, `http://127.0.0.1:${agents.get(agent)?.port}`, ''))
  direct.set(key, found)
  return found
}

describe.each([
  { name: 'with a token, from the address of the workspace', hasToken: true, path: '' },
  { name: 'without a token, from the address of A2A', hasToken: false, path: '/a2a' },
])('$name', ({ hasToken, path }) => {
  let controlPlane: ControlPlane
  const workspaces = new Map<string, string>()
  beforeAll(async () => {
    const programs = Object.fromEntries([...agents].map(([name, agent]) => [imageOf(name), machineOf(agent)]))
    controlPlane = await startNode(programs, hasToken ? {} : { ADMIN_TOKEN: '', ANONYMOUS_LOOPBACK: 'true' })
    for (const name of agents.keys())
      workspaces.set(name, await createWorkspace(controlPlane, { name, image: imageOf(name) }))
  })
  afterAll(() => controlPlane?.close())

  test.concurrent.each(PAIRS)(
    'the client $client gets the same results from $agent through the proxy as directly',
    async ({ agent, client }) => {
      const expected = await directResult(agent, client)
      // A client that cannot read this card itself proves nothing about the proxy.
      if ('error' in expected) return
      const base = `${controlPlane.url}/workspaces/${workspaces.get(agent)}${path}`
      const proxied = await run(client, base, controlPlane.token)
      // Where it only reads the card, the proxy must not take that away.
      if ('failed' in expected.result)
        expect(proxied).toMatchObject({ result: { name: expected.result.name } })
      else expect(proxied).toEqual(expected)
    },
  )
})

test('foreign clients read the cards of every agent, and speak to every agent but python-a2a, which has a protocol of its own', async () => {
  const spoken: string[] = []
  for (const agent of agentNames) {
    const results = await Promise.all(clientNames.map((client) => directResult(agent, client)))
    const read = results.flatMap((one) => ('result' in one ? [one.result] : []))
    expect([agent, read.length > 0]).toEqual([agent, true])
    if (read.some((result) => !('failed' in result))) spoken.push(agent)
  }
  expect(spoken).toEqual(agentNames.filter((agent) => agent !== 'python-a2a'))
})
