// Logs, commands and files on the free plan of Workers: 50 subrequests in an invocation suffice, or the answer says so before
// anything has changed.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readEventStream } from '../support/event-stream.ts'
import { type Invocation, startWorkerFixture, type WorkerFixture } from '../support/worker.ts'
import { bundleWorker } from '../support/worker-bundle.ts'

let worker: WorkerFixture
let id: string
beforeAll(async () => {
  const { code } = await bundleWorker()
  worker = await startWorkerFixture(code, {}, { SUBREQUEST_LIMIT: '50' }, { subrequests: 50 })
  worker.emulator.faults.add({ kind: 'rate-limits', on: false })
  const created = await worker.call('/workspaces', {
    method: 'POST',
    json: { name: 'limits', runtime: 'hermes' },
  })
  ;({ id } = (await created.json()) as { id: string })
  for (let status = ''; status !== 'ready';) {
    await worker.runCron().catch(() => {})
    ;({ status } = (await (await worker.call(`/workspaces/${id}`)).json()) as { status: string })
  }
})
afterAll(() => worker.close())

const refused = async () =>
  ((await (await fetch(`${worker.url}/_invocations`)).json()) as Invocation[]).filter(
    (one) => one.refused > 0,
  )
const content = (path: string) => `/workspaces/${id}/files/content?path=${path}`

test('a page of the log, a command, and a file of some megabytes stay within the limit', async () => {
  expect((await worker.call(`/workspaces/${id}/logs`)).status).toBe(200)
  const stream = await readEventStream(
    await worker.call(`/workspaces/${id}/logs`, { headers: { accept: 'text/event-stream' } }),
  )
  await expect.poll(() => stream.received.length).toBeGreaterThan(0)
  await stream.close()
  const ran = await worker.call(`/workspaces/${id}/exec`, {
    method: 'POST',
    json: { command: ['echo', 'ran'] },
  })
  expect(await ran.json()).toMatchObject({ exit_code: 0, stdout: 'ran\n' })
  const file = randomBytes(5_000_000)
  expect((await worker.call(content('/data/file'), { method: 'PUT', body: file })).status).toBe(201)
  const read = await (await worker.call(content('/data/file'))).arrayBuffer()
  expect(Buffer.from(read).equals(file)).toBe(true)
  expect(await refused()).toEqual([])
})

test('a file that needs more requests than the limit is refused before anything is sent', async () => {
  const answer = await worker.call(content('/data/large'), {
    method: 'PUT',
    body: new Uint8Array(95 * 2 ** 20),
  })
  expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([
    413,
    expect.stringContaining('SUBREQUEST_LIMIT'),
  ])
  expect((await worker.call(content('/data/large'))).status).toBe(404)
  expect(await refused()).toEqual([])
})
