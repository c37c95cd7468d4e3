// A small fleet for pictures: a workspace in each status, a tree, labels, secrets, hooks, schedules, messages, a delegation, a
// rollout, a webhook endpoint, tokens.
import type { Server } from '../../test/support/server.ts'

export type Fleet = { ready: string; failed: string; parent: string; rollout: string; endpoint: string }

const MEMBERS = [
  { name: 'support-triage', runtime: 'langgraph', tier: 3, region: 'iad', role: 'Sorts incoming tickets' },
  { name: 'release-notes', runtime: 'claude-code', tier: 2, region: 'fra', role: 'Writes release notes' },
  {
    name: 'invoice-reader',
    runtime: 'crewai',
    tier: 2,
    region: 'ams',
    role: 'Reads invoices into the ledger',
  },
  { name: 'nightly-tests', runtime: 'codex', tier: 4, region: 'iad', role: 'Runs the long tests' },
  {
    name: 'market-watch',
    runtime: 'deepagents',
    tier: 3,
    region: 'nrt',
    role: 'Follows the prices of parts',
  },
  { name: 'docs-gardener', runtime: 'hermes', tier: 2, region: 'fra', role: 'Keeps the documentation true' },
  { name: 'pager-duty-helper', runtime: 'langgraph', tier: 2, region: 'ord', role: 'First answer to alerts' },
]

export async function createFleet({ call }: Pick<Server, 'call'>): Promise<Fleet> {
  const create = async (input: Record<string, unknown>) => {
    const { body, status } = await call<{ id: string }>('/workspaces', {
      method: 'POST',
      headers: { prefer: 'wait=60' },
      json: { runtime: 'hermes', tier: 2, ...input },
    })
    if (status !== 201) throw new Error(`creating answered ${status}: ${JSON.stringify(body)}`)
    return body.id
  }
  const post = (path: string, json: unknown = {}, method = 'POST') =>
    call(path, { method, headers: { prefer: 'wait=60' }, json })

  const parent = await create({
    name: 'research-lead',
    region: 'fra',
    role: 'Leads the research team',
    labels: { team: 'research' },
  })
  const ready = await create({
    name: 'fly-worker',
    region: 'fra',
    role: 'Answers questions about the fleet',
    parent_id: parent,
    labels: { team: 'research' },
  })
  await create({
    name: 'paper-reader',
    region: 'fra',
    role: 'Reads papers',
    parent_id: parent,
    labels: { team: 'research' },
  })
  for (const [index, member] of MEMBERS.entries()) {
    const id = await create({ ...member, labels: { team: index % 2 === 0 ? 'operations' : 'product' } })
    if (member.name === 'market-watch') await post(`/workspaces/${id}/hibernate`)
    if (member.name === 'nightly-tests') await post(`/workspaces/${id}/pause`)
  }
  const failed = await create({
    name: 'image-classifier',
    role: 'Sorts photos of parts',
    image: 'ghcr.io/molecule-ai/no-such-image',
    labels: { team: 'product' },
  })
  await post(`/workspaces/${ready}/secrets`, { key: 'OPENAI_API_KEY', value: 'not-a-real-key' }, 'PUT')
  await post(`/workspaces/${ready}/hooks`, {
    name: 'builds',
    scheme: 'bearer',
    template: 'Build {{number}} failed: {{url}}',
  })
  await post(`/workspaces/${ready}/schedules`, {
    name: 'morning',
    cron: '0 9 * * 1-5',
    time_zone: 'Europe/Berlin',
    message: 'Summarise what happened overnight.',
  })
  await post(`/workspaces/${ready}/activity`, {
    activity_type: 'agent_log',
    summary: 'Searched the archive for invoices',
    status: 'ok',
  })
  await post(`/workspaces/${ready}/snapshots`)
  await call(`/workspaces/${ready}/a2a`, {
    method: 'POST',
    json: {
      jsonrpc: '2.0',
      id: '1',
      method: 'message/send',
      params: { message: { role: 'user', parts: [{ kind: 'text', text: 'remember: the invoice is paid' }] } },
    },
  })
  await post(`/workspaces/${parent}/delegate`, { target_id: ready, task: 'Summarise the new papers.' })
  await call(`/workspaces/${ready}/a2a`, {
    method: 'POST',
    headers: { prefer: 'respond-async' },
    json: {
      jsonrpc: '2.0',
      id: '1',
      method: 'message/send',
      params: { message: { role: 'user', parts: [{ kind: 'text', text: 'What is new?' }] } },
    },
  })
  const made = async (path: string, json: unknown) =>
    (await call<{ id: string }>(path, { method: 'POST', json })).body.id
  await post('/tokens', { name: 'ci', scopes: ['operate'], expires_in_days: 90 })
  await post('/tokens', { name: 'dashboard', scopes: ['read'], workspaces: [parent] })
  const rollout = await made('/rollouts', {
    runtime: 'langgraph',
    digest: `sha256:${'1'.repeat(64)}`,
    tranches: [1],
    watch_seconds: 600,
  })
  const endpoint = await made('/webhook-endpoints', {
    url: 'https://events.example.com/molecule',
    description: 'Tells the team when an agent has failed',
    types: ['gave_up', 'machine_lost', 'agent_silent'],
  })
  await post(`/webhook-endpoints/${endpoint}/test`)
  return { ready, failed, parent, rollout, endpoint }
}
