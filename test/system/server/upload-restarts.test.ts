// An upload whose server is killed in the middle: the file in the machine is the old one, and whole.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createPostgresDatabase } from '../../support/database.ts'
import { startLoopbackFly } from '../../support/loopback-fly.ts'
import { createServerFixture, type Server, startServer } from '../../support/server.ts'

const ADMIN = { authorization: 'Bearer the-admin-of-uploads' }
const MB = 2 ** 20

test('a server that is killed in the middle of an upload leaves the old file whole', async () => {
  const fly = await startLoopbackFly()
  onTestFinished(() => fly.close())
  fly.emulator.faults.add({ kind: 'rate-limits', on: false })
  const files = await createServerFixture()
  onTestFinished(() => files.remove())
  const settings = {
    ...files.settings,
    ...fly.settings,
    DATABASE_URL: await createPostgresDatabase(),
    ADMIN_TOKEN: 'the-admin-of-uploads',
    PUBLIC_URL: `http://127.0.0.1:${files.settings.PORT}`,
  }
  const ask = (server: Server, path: string, init: RequestInit = {}) =>
    fetch(new URL(path, server.url), {
      ...init,
      headers: { ...ADMIN, ...(init.headers as Record<string, string>) },
    })

  const first = await startServer(settings)
  onTestFinished(async () => void (await first.end('SIGKILL')))
  const created = await ask(first, '/workspaces', {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=30' },
    body: JSON.stringify({ name: 'uploads', runtime: 'hermes' }),
  })
  const { id, machine_id: machine } = (await created.json()) as { id: string; machine_id: string }
  const content = `/workspaces/${id}/files/content?path=/data/file`
  expect((await ask(first, content, { method: 'PUT', body: 'the old file' })).status).toBe(201)
  const folder = join(fly.rootOf(machine), 'data')

  const stalled = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(5 * MB)),
  })
  const upload = ask(first, content, { method: 'PUT', body: stalled, duplex: 'half' } as RequestInit)
  const cutOff = expect(upload).rejects.toThrow()
  const sizes = () =>
    readdirSync(folder)
      .filter((name) => name.startsWith('.molecule-upload-') && !name.endsWith('.part'))
      .map((name) => statSync(join(folder, name)).size)
  await expect.poll(sizes, { timeout: 30_000 }).toEqual([4 * MB])
  await first.end('SIGKILL')
  await cutOff
  expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('the old file')

  const second = await startServer(settings)
  onTestFinished(async () => void (await second.end('SIGKILL')))
  expect(await (await ask(second, content)).text()).toBe('the old file')
  expect((await ask(second, content, { method: 'PUT', body: 'the new file' })).status).toBe(200)
  expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('the new file')
})
