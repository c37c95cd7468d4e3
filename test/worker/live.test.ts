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
