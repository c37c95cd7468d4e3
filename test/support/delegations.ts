// A client for delegations between workspaces: its functions call the harness of the test file.
import type { Harness, Json } from './harness.ts'
import { SCRIPTED_AGENT_IMAGE } from './scripted-agent.ts'

export type Headers = Record<string, string>
export type DelegationRow = Json & { id: string; status: string; summary: string }

export const ADMIN = { authorization: 'Bearer an-admin-of-this-test' }

/** Two root workspaces, which may talk to each other, and a child of `boss`, which `peer` may not talk to. */
export type Family = { boss: string; peer: string; child: string; token: Headers }

/** Settings of the harness that the client expects. */
export const DELEGATION_SETTINGS = {
  ADMIN_TOKEN: 'an-admin-of-this-test',
  ACTIVITY_RETENTION_DAYS: '3',
  A2A_MAX_BODY_BYTES: '500000',
}

/**
 * @param harness of the test file, once it is open
 * @param family of the test file, once it exists: delegations go from `boss` to `peer` unless a test says otherwise
 */
export function delegationClient(harness: () => Harness, family: () => Family) {
  /** Creates a workspace that runs the scripted agent. @returns its id */
  async function create(fields: Json = {}): Promise<string> {
    const { body } = await harness().request<{ id: string }>('/workspaces', {
      method: 'POST',
      headers: { ...ADMIN, prefer: 'wait=20' },
      json: { name: 'scripted-agent', tier: 2, image: SCRIPTED_AGENT_IMAGE, ...fields },
    })
    await harness().untilIdle()
    return body.id
  }

  async function createFamily(): Promise<Family> {
    const boss = await create()
    const peer = await create()
    const child = await create({ parent_id: boss })
    return { boss, peer, child, token: await tokenOf(boss) }
  }

  const tokenOf = async (id: string) => ({ authorization: `Bearer ${await harness().tokenOf(id)}` })
  const command = (id: string, name: string) =>
    harness().request(`/workspaces/${id}/${name}`, {
      method: 'POST',
      headers: { ...ADMIN, prefer: 'wait=20' },
    })
  const remove = (id: string) => harness().request(`/workspaces/${id}`, { method: 'DELETE', headers: ADMIN })

  const post = (path: string, json: Json, headers: Headers = family().token) =>
    harness().request(`/workspaces/${path}`, { method: 'POST', headers, json })
  const delegate = (json: Json, from = family().boss, headers: Headers = ADMIN) =>
    post(`${from}/delegate`, { target_id: family().peer, task: 'Count to three.', ...json }, headers)
  const record = (json: Json, from = family().boss) =>
    post(`${from}/delegations/record`, { target_id: family().peer, task: 'By myself.', ...json }, ADMIN)
  const update = (id: unknown, json: Json, from = family().boss) =>
    post(`${from}/delegations/${String(id)}/update`, json, ADMIN)
  const list = async (from = family().boss, query = '') =>
    (await harness().request<DelegationRow[]>(`/workspaces/${from}/delegations${query}`, { headers: ADMIN }))
      .body
  const rowOf = async (id: unknown, from = family().boss) =>
    (await list(from, '?limit=500')).find((row) => row.id === id)

  /** Delegates to a control plane that ends before it delivers the task. @returns the delegation's id */
  async function delegateUndelivered(json: Json = {}): Promise<unknown> {
    await harness().setCanRunInBackground(false)
    const { body } = await delegate(json)
    await harness().setCanRunInBackground(true)
    return body['delegation_id']
  }

  return {
    create,
    createFamily,
    tokenOf,
    command,
    remove,
    post,
    delegate,
    record,
    update,
    list,
    rowOf,
    delegateUndelivered,
  }
}
