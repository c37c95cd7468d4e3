// A client for workspaces whose agents run elsewhere: it creates them, and is their agent.
import { expect } from 'vitest'
import type { Harness, Json } from './harness.ts'

export type Agent = { id: string; headers: { authorization: string } }

const CARD = { name: 'elsewhere', version: '1.0.0' }

/** @param harness of the test file, once it is open; without ADMIN_TOKEN */
export function externalAgents(harness: () => Harness) {
  const create = (fields: Json = {}) =>
    harness().request<{ id: string }>('/workspaces', {
      method: 'POST',
      json: { name: 'elsewhere', runtime: 'external', ...fields },
    })
  const read = async (id: string) => (await harness().request(`/workspaces/${id}`)).body

  async function createAgent(fields: Json = {}): Promise<Agent> {
    const { id } = (await create(fields)).body
    const { body } = await harness().request(`/workspaces/${id}/tokens`, { method: 'POST' })
    return { id, headers: { authorization: `Bearer ${String(body['auth_token'])}` } }
  }
  const register = ({ headers, id }: Agent, fields: Json = {}) =>
    harness().request('/registry/register', {
      method: 'POST',
      headers,
      json: { id, agent_card: CARD, ...fields },
    })
  const beat = ({ headers, id }: Agent, fields: Json = {}) =>
    harness().request('/registry/heartbeat', {
      method: 'POST',
      headers,
      json: { workspace_id: id, ...fields },
    })

  async function connect(fields: Json = {}): Promise<Agent> {
    const agent = await createAgent(fields)
    await register(agent)
    await harness().untilIdle()
    return agent
  }

  const send = (id: string, json: unknown, headers: Record<string, string> = {}) =>
    harness().request(`/workspaces/${id}/a2a`, { method: 'POST', headers, json })
  const inbox = ({ headers, id }: Agent, query = '') =>
    harness().request<(Json & { id: string })[]>(`/workspaces/${id}/activity?type=a2a_receive${query}`, {
      headers,
    })
  const respond = ({ headers, id }: Agent, message: string, json: Json) =>
    harness().request(`/workspaces/${id}/messages/${message}/response`, { method: 'POST', headers, json })

  /** Waits until the agent has a message. */
  async function fetchOne(agent: Agent): Promise<Json & { id: string }> {
    let first: (Json & { id: string }) | undefined
    await expect
      .poll(async () => (first = (await inbox(agent)).body[0]), { timeout: 30_000, interval: 50 })
      .toBeDefined()
    if (first === undefined) throw new Error('no message came')
    return first
  }

  return { create, read, createAgent, register, beat, connect, send, inbox, respond, fetchOne }
}
