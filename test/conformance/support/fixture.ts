// Everything a suite needs, made once per file: the agents, a place where the control plane runs, and a workspace in it for
// each agent.
import { afterAll, beforeAll } from 'vitest'
import { startAgent0_3 } from '../agents/agent-0-3.ts'
import { startAgent1_0 } from '../agents/agent-1-0.ts'
import type { ConformanceAgent } from '../agents/conformance-agent.ts'
import { type Puppet, startPuppet } from '../agents/scripted-agent.ts'
import { machineOf } from './machine.ts'
import type { OpenPlace, Place } from './place.ts'
import { directRoad, proxiedRoad, type Road } from './targets.ts'
import { closeConnections } from './raw-http.ts'

/** `plain` agents neither stream nor push, and have no extended card. */
export type Role = 'v1.0' | 'v0.3' | 'plain v1.0' | 'plain v0.3' | 'puppet'

export type Stage = {
  readonly place: Place
  readonly puppet: Puppet
  agent(role: Role): ConformanceAgent
  /** The path of the agent's workspace. */
  workspace(role: Role): string
  roads(role: Role): [direct: Road, proxied: Road]
}

export function setStage(openPlace: OpenPlace): Stage {
  let place: Place
  let puppet: Puppet
  let agents: Map<Role, ConformanceAgent>
  let workspaces: Map<Role, string>

  beforeAll(async () => {
    // The SDKs tell the console of every error they answer with.
    for (const method of ['error', 'warn'] as const) console[method] = () => {}
    puppet = await startPuppet()
    agents = new Map<Role, ConformanceAgent>([
      ['v1.0', await startAgent1_0(true)],
      ['v0.3', await startAgent0_3(true)],
      ['plain v1.0', await startAgent1_0(false)],
      ['plain v0.3', await startAgent0_3(false)],
      ['puppet', puppet],
    ])
    place = await openPlace(
      Object.fromEntries([...agents].map(([role, agent]) => [imageOf(role), machineOf(agent)])),
    )
    const made = [...agents.keys()].map(async (role) => [role, await createWorkspace(place, role)] as const)
    workspaces = new Map(await Promise.all(made))
  })
  afterAll(async () => {
    closeConnections()
    await place?.close()
    for (const agent of agents?.values() ?? []) await agent.close()
  })

  const stage: Stage = {
    get place() {
      return place
    },
    get puppet() {
      return puppet
    },
    agent: (role) => found(agents, role),
    workspace: (role) => `/workspaces/${found(workspaces, role)}`,
    roads(role) {
      const agent = stage.agent(role)
      return [directRoad(agent), proxiedRoad(agent, place.url, `${stage.workspace(role)}/a2a`, place.token)]
    },
  }
  return stage
}

const imageOf = (role: Role) => `ghcr.io/molecule-ai/conformance-${role.replaceAll(/[ .]/g, '-')}`

async function createWorkspace({ token, url }: Place, role: Role): Promise<string> {
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      prefer: 'wait=30',
    }
    const response = await fetch(`${url}${path}`, { headers, ...init })
    return (await response.json()) as { id: string; status: string }
  }
  const body = JSON.stringify({ name: role, runtime: 'hermes', image: imageOf(role) })
  let workspace = await ask('/workspaces', { method: 'POST', body })
  // The launches of one app are paced, and computers may be busy.
  while (workspace.status === 'provisioning') workspace = await ask(`/workspaces/${workspace.id}`)
  if (workspace.status !== 'ready') throw new Error(`no workspace: ${JSON.stringify(workspace)}`)
  return workspace.id
}

function found<Value>(map: ReadonlyMap<Role, Value>, role: Role): Value {
  const value = map.get(role)
  if (value === undefined) throw new Error(`nobody plays ${role}`)
  return value
}
