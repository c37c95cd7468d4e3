// What all suites share, created once per file: the agents, a control plane, and a workspace for each agent.
import { afterAll, beforeAll } from 'vitest'
import { startAgent0_3 } from '../agents/agent-0-3.ts'
import { startAgent1_0 } from '../agents/agent-1-0.ts'
import type { ConformanceAgent } from '../agents/conformance-agent.ts'
import { type ScriptedAgent, startScriptedAgent } from '../agents/scripted-agent.ts'
import { machineOf } from './machine.ts'
import type { StartControlPlane, ControlPlane } from './control-plane.ts'
import { directTarget, proxiedTarget, type Target } from './targets.ts'
import { closeConnections } from './raw-http.ts'

/** `plain` agents neither stream nor push, and have no extended card. */
export type Role = 'v1.0' | 'v0.3' | 'plain v1.0' | 'plain v0.3' | 'scripted'

export type Fixture = {
  readonly controlPlane: ControlPlane
  readonly scripted: ScriptedAgent
  agent(role: Role): ConformanceAgent
  /** The path of the agent's workspace. */
  workspace(role: Role): string
  targets(role: Role): [direct: Target, proxied: Target]
}

export function useFixture(startControlPlane: StartControlPlane): Fixture {
  let controlPlane: ControlPlane
  let scripted: ScriptedAgent
  let agents: Map<Role, ConformanceAgent>
  let workspaces: Map<Role, string>

  beforeAll(async () => {
    // The SDKs log every error that they answer with.
    for (const method of ['error', 'warn'] as const) console[method] = () => {}
    scripted = await startScriptedAgent()
    agents = new Map<Role, ConformanceAgent>([
      ['v1.0', await startAgent1_0(true)],
      ['v0.3', await startAgent0_3(true)],
      ['plain v1.0', await startAgent1_0(false)],
      ['plain v0.3', await startAgent0_3(false)],
      ['scripted', scripted],
    ])
    controlPlane = await startControlPlane(
      Object.fromEntries([...agents].map(([role, agent]) => [imageOf(role), machineOf(agent)])),
    )
    const made = [...agents.keys()].map(
      async (role) =>
        [role, await createWorkspace(controlPlane, { name: role, image: imageOf(role) })] as const,
    )
    workspaces = new Map(await Promise.all(made))
  })
  afterAll(async () => {
    closeConnections()
    await controlPlane?.close()
    for (const agent of agents?.values() ?? []) await agent.close()
  })

  const fixture: Fixture = {
    get controlPlane() {
      return controlPlane
    },
    get scripted() {
      return scripted
    },
    agent: (role) => found(agents, role),
    workspace: (role) => `/workspaces/${found(workspaces, role)}`,
    targets(role) {
      const agent = fixture.agent(role)
      return [
        directTarget(agent),
        proxiedTarget(agent, controlPlane.url, `${fixture.workspace(role)}/a2a`, controlPlane.token),
      ]
    },
  }
  return fixture
}

const imageOf = (role: Role) => `ghcr.io/molecule-ai/conformance-${role.replaceAll(/[ .]/g, '-')}`

/** Creates a workspace and waits until it is ready. @returns its id */
export async function createWorkspace(
  { token, url }: ControlPlane,
  { image, name }: { image: string; name: string },
): Promise<string> {
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      'content-type': 'application/json',
      prefer: 'wait=30',
    }
    const response = await fetch(`${url}${path}`, { headers, ...init })
    return (await response.json()) as { id: string; status: string }
  }
  const body = JSON.stringify({ name, runtime: 'hermes', image })
  let workspace = await ask('/workspaces', { method: 'POST', body })
  // Creates are rate limited per app, so a launch may take longer than one wait.
  while (workspace.status === 'provisioning') workspace = await ask(`/workspaces/${workspace.id}`)
  if (workspace.status !== 'ready') throw new Error(`no workspace: ${JSON.stringify(workspace)}`)
  return workspace.id
}

function found<Value>(map: ReadonlyMap<Role, Value>, role: Role): Value {
  const value = map.get(role)
  if (value === undefined) throw new Error(`there is no ${role}`)
  return value
}
