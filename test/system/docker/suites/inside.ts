// What is in a container, through the API: its log, commands and files.
import { createHash, randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { readEventStream } from '../../../support/event-stream.ts'
import { type DockerServer, LONG_MS, PATIENCE } from './fixture.ts'

export function inside(get: () => DockerServer): void {
  test(
    'logs and commands reach into the container, and commands have its secrets',
    async () => {
      const { call, containersOf, create, dockerd, remove, untilStatus } = get()
      const id = await create({ secrets: { API_KEY: "it's a $ecret" }, env: { PLAIN: 'text' } })
      await untilStatus(id, 'ready')
      const [container] = await containersOf(id)
      const inspected = await dockerd.api('GET', `/containers/${container?.Id}/json`)
      expect(JSON.stringify(inspected)).not.toContain('$ecret')
      const run = async (script: string) =>
        (await call('POST', `/workspaces/${id}/exec`, { command: ['sh', '-c', script] })).body
      expect(await run('echo "$PLAIN, $API_KEY"')).toMatchObject({
        exit_code: 0,
        stdout: expect.stringContaining('text, ') as string,
      })
      await run('printf %s "$API_KEY" >/tmp/key')
      expect(await run('wc -c </tmp/key')).toMatchObject({ stdout: '13\n' })
      expect(await run('echo no >&2; exit 4')).toMatchObject({ exit_code: 4, stderr: 'no\n' })
      await vi.waitFor(async () => {
        const { body } = await call('GET', `/workspaces/${id}/logs`)
        expect(JSON.stringify(body)).toContain('listens on port')
      }, PATIENCE)
      await remove(id)
    },
    LONG_MS,
  )

  test(
    'the log is followed over a restart, without a lost or a repeated line',
    async () => {
      const { call, create, fetch, remove, untilStatus } = get()
      const id = await create()
      await untilStatus(id, 'ready')
      // What the program of the container would print.
      const print = async (line: string) => {
        const command = ['sh', '-c', `echo ${line} >/proc/1/fd/1`]
        const { body } = await call('POST', `/workspaces/${id}/exec`, { command })
        expect(body).toMatchObject({ exit_code: 0 })
      }
      const response = await fetch(`/workspaces/${id}/logs?tail=0`, {
        headers: { accept: 'text/event-stream' },
      })
      const stream = await readEventStream(response)
      const printed = () =>
        stream.received.flatMap(({ data }) => /^line-\d$/.exec(String(data['message']))?.[0] ?? [])
      await print('line-1')
      await print('line-2')
      await vi.waitFor(() => expect(printed()).toEqual(['line-1', 'line-2']), PATIENCE)
      await call('POST', `/workspaces/${id}/restart`)
      await untilStatus(id, 'ready', { generation: 2 })
      await print('line-3')
      await vi.waitFor(() => expect(printed()).toEqual(['line-1', 'line-2', 'line-3']), PATIENCE)
      await stream.close()
      await remove(id)
    },
    LONG_MS,
  )

  test(
    'files are written, listed, read, archived and deleted in the container',
    async () => {
      const { call, create, fetch, remove, untilStatus } = get()
      const id = await create({ disk_gb: 1 })
      await untilStatus(id, 'ready')
      const at = (what: string, path: string) => `/workspaces/${id}/${what}?path=${encodeURIComponent(path)}`
      // More than one chunk, and bytes of every value.
      const bytes = randomBytes(3_500_000)
      const digest = (content: Uint8Array) => createHash('sha256').update(content).digest('hex')
      const written = await fetch(at('files/content', '/workspace/deep/a file.bin'), {
        method: 'PUT',
        body: bytes,
      })
      expect(written.status, await written.text()).toBe(201)
      const listed = await call<{ entries: { name: string; size: number }[] }>(
        'GET',
        at('files', '/workspace/deep'),
      )
      expect(listed.body.entries).toMatchObject([{ name: 'a file.bin', size: bytes.length }])
      const read = await fetch(at('files/content', '/workspace/deep/a file.bin'))
      expect(digest(new Uint8Array(await read.arrayBuffer()))).toBe(digest(bytes))
      const archive = await fetch(at('files/archive', '/workspace/deep'), { method: 'POST' })
      const tar = new Uint8Array(await archive.arrayBuffer())
      expect(tar.length).toBeGreaterThan(bytes.length)
      const unpacked = await fetch(at('files/archive', '/workspace/copy'), {
        method: 'POST',
        body: tar,
        headers: { 'content-type': 'application/x-tar' },
      })
      expect(unpacked.status, await unpacked.text()).toBeLessThan(300)
      const copy = await fetch(at('files/content', '/workspace/copy/a file.bin'))
      expect(digest(new Uint8Array(await copy.arrayBuffer()))).toBe(digest(bytes))
      const removed = await fetch(at('files/content', '/workspace/deep/a file.bin'), { method: 'DELETE' })
      expect(removed.status).toBeLessThan(300)
      expect((await fetch(at('files/content', '/workspace/deep/a file.bin'))).status).toBe(404)
      await remove(id)
    },
    LONG_MS,
  )
}
