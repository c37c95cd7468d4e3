// MOLECULE_COMPAT on Workers: the live channel in workerd, from the bundle that would be deployed.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Json } from '../support/harness.ts'
import { ADMIN_TOKEN, startWorkerFixture, type WorkerFixture } from '../support/worker.ts'
import { bundleWorker } from '../support/worker-bundle.ts'

let worker: WorkerFixture
beforeAll(async () => {
  worker = await startWorkerFixture((await bundleWorker()).code, {}, { MOLECULE_COMPAT: 'true' })
})
afterAll(() => worker.close())

test('a client of the Worker sees what happens to workspaces, if it has a token', async () => {
  const address = `${worker.url.replace(/^http/, 'ws').replace(/\/$/, '')}/ws`
  const refused = new WebSocket(address)
  await new Promise((resolve) => refused.addEventListener('error', resolve))

  const messages: Json[] = []
  const socket = new WebSocket(`${address}?token=${ADMIN_TOKEN}`)
  socket.addEventListener('message', ({ data }) => messages.push(JSON.parse(String(data)) as Json))
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  const json = { name: 'watched', runtime: 'hermes' }
  const { id } = (await (await worker.call('/workspaces', { method: 'POST', json })).json()) as { id: string }
  await vi.waitFor(
    () => expect(messages[0]).toMatchObject({ event: 'WORKSPACE_PROVISIONING', workspace_id: id }),
    { timeout: 60_000, interval: 50 },
  )
  socket.close()
})

test('messages to people, tasks, activities and answers are seen live on Workers, too', async () => {
  const json = { name: 'talker', runtime: 'hermes' }
  const headers = { prefer: 'wait=30' }
  const made = await worker.call('/workspaces', { method: 'POST', headers, json })
  const { id } = (await made.json()) as { id: string }
  const minted = await worker.call(`/admin/workspaces/${id}/test-token`)
  const { auth_token: token } = (await minted.json()) as { auth_token: string }
  const asAgent = (path: string, body: unknown) =>
    worker.call(path, { method: 'POST', headers: { authorization: `Bearer ${token}` }, json: body })

  const messages: Json[] = []
  const socket = new WebSocket(`${worker.url.replace(/^http/, 'ws').replace(/\/$/, '')}/ws?token=${token}`)
  socket.addEventListener('message', ({ data }) => messages.push(JSON.parse(String(data)) as Json))
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  await asAgent(`/workspaces/${id}/notify`, { message: 'done' })
  await asAgent(`/workspaces/${id}/activity`, { activity_type: 'agent_log', summary: 'thinking' })
  await asAgent('/registry/heartbeat', { workspace_id: id, active_tasks: 1, current_task: 'count' })
  const payloads = (event: string) =>
    messages.filter((one) => one['event'] === event).map((one) => one['payload'])
  await vi.waitFor(
    () => {
      expect(payloads('AGENT_MESSAGE')).toEqual([{ workspace_id: id, name: 'talker', message: 'done' }])
      expect(payloads('ACTIVITY_LOGGED')).toMatchObject([{ summary: 'thinking', status: 'ok' }])
      expect(payloads('TASK_UPDATED')).toEqual([{ active_tasks: 1, current_task: 'count' }])
    },
    { timeout: 60_000, interval: 50 },
  )
  socket.close()
})
