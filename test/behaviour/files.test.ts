// Files in the machine of a workspace: every byte and every name passes, and conditions and ranges hold.
import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  at,
  bytesOf,
  HOSTILE,
  LARGE,
  type MachineFiles,
  openMachineFiles,
  sha256,
} from '../support/machine-files.ts'

let h: MachineFiles['h']
let files: MachineFiles['files']
let list: MachineFiles['list']
let root: MachineFiles['root']
let put: MachineFiles['put']
let get: MachineFiles['get']
let remove: MachineFiles['remove']
beforeAll(async () => {
  ;({ h, files, list, root, put, get, remove } = await openMachineFiles())
})
afterAll(() => h.close())

describe('writing and reading', () => {
  test('a large file passes in both directions with the same bytes, in chunks', async () => {
    const written = await put('/data/deep/er/large.bin', LARGE, {
      'content-digest': `sha-256=:${createHash('sha256').update(LARGE).digest('base64')}:`,
    })
    expect(written).toMatchObject({ status: 201, body: { size: LARGE.length, sha256: sha256(LARGE) } })
    expect(written.headers.get('etag')).toBe(`"${sha256(LARGE)}"`)
    const answer = await get('/data/deep/er/large.bin')
    expect(answer.headers.get('content-length')).toBe(String(LARGE.length))
    expect(answer.headers.get('etag')).toBe(`"${sha256(LARGE)}"`)
    expect(answer.headers.get('content-disposition')).toContain('attachment')
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect((await bytesOf(answer)).equals(LARGE)).toBe(true)
    expect(readdirSync(join(root, 'data/deep/er'))).toEqual(['large.bin'])
  })

  test('an empty file, and a body without a length, are written', async () => {
    expect(await put('/data/empty', '')).toMatchObject({ status: 201, body: { size: 0 } })
    expect((await bytesOf(await get('/data/empty'))).length).toBe(0)
    const parts = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const part of ['one ', 'two ', 'three']) controller.enqueue(new TextEncoder().encode(part))
        controller.close()
      },
    })
    expect((await put('/data/stream', parts)).status).toBe(201)
    expect((await bytesOf(await get('/data/stream'))).toString()).toBe('one two three')
  })

  test.each(HOSTILE)('the name %j is a name like others', async (name) => {
    const path = `/names/${name}/${name}`
    expect((await put(path, `in ${name}`)).status).toBe(201)
    expect((await bytesOf(await get(path))).toString()).toBe(`in ${name}`)
    const [entry] = await list(`/names/${name}`)
    expect(entry).toMatchObject({ name, type: 'file', mode: '0644' })
    expect((await h.fetchRaw(files(`/content?path=${entry?.path}`))).status).toBe(200)
    expect((await remove(path)).status).toBe(204)
    expect(await list(`/names/${name}`)).toEqual([])
    expect(readFileOrNothing('pwned') ?? readFileOrNothing(`names/${name}/pwned`)).toBeUndefined()
  })

  const readFileOrNothing = (path: string) => {
    try {
      return readFileSync(join(root, path))
    } catch {
      return undefined
    }
  }

  test('a name that is not UTF-8 is listed with a path that leads to it', async () => {
    const path = '/bytes/%FF%FE'
    await h.request(files(`/content?path=${path}`), { method: 'PUT', body: 'x' })
    const [entry] = await list('/bytes')
    expect(entry).toMatchObject({ name: '\ufffd\ufffd', path, size: 1 })
    expect(await (await h.fetchRaw(files(`/content?path=${entry?.path}`))).text()).toBe('x')
  })

  test('a directory is listed with types, sizes, times and permissions', async () => {
    await put('/list/b', 'bb')
    await put('/list/sub/x', '')
    await put('/list/.a', 'a')
    symlinkSync('b', join(root, 'list/link'))
    const entries = await list('/list')
    expect(
      entries.map(({ modified, name, path, size, type }) => ({
        name,
        path,
        type,
        size,
        isNow: Math.abs(Date.parse(modified) - Date.now()) < 60_000,
      })),
    ).toEqual([
      { name: '.a', path: '/list/.a', type: 'file', size: 1, isNow: true },
      { name: 'b', path: '/list/b', type: 'file', size: 2, isNow: true },
      { name: 'link', path: '/list/link', type: 'link', size: 1, isNow: true },
      { name: 'sub', path: '/list/sub', type: 'directory', size: expect.any(Number), isNow: true },
    ])
  })
})

describe('conditions and ranges', () => {
  test('ranges are answered with their bytes, across chunks', async () => {
    await put('/ranges', LARGE)
    const size = LARGE.length
    for (const [range, from, to] of [
      ['bytes=0-9', 0, 10],
      ['bytes=2097150-2097160', 2_097_150, 2_097_161],
      [`bytes=${size - 3}-`, size - 3, size],
      ['bytes=-5', size - 5, size],
    ] as const) {
      const answer = await get('/ranges', { range })
      expect([range, answer.status, answer.headers.get('content-range')]).toEqual([
        range,
        206,
        `bytes ${from}-${to - 1}/${size}`,
      ])
      expect((await bytesOf(answer)).equals(LARGE.subarray(from, to))).toBe(true)
    }
    const behind = await h.request(files(`/content?${at('/ranges')}`), {
      headers: { range: `bytes=${size}-` },
    })
    expect([behind.status, behind.headers.get('content-range')]).toEqual([416, `bytes */${size}`])
    expect((await get('/ranges', { range: 'bytes=0-1,5-6' })).status).toBe(200)
    expect((await get('/ranges', { range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200)
  })

  test('a write with a condition changes only the file that the condition names', async () => {
    const first = (await put('/conditions', 'first')).headers.get('etag') ?? ''
    expect((await put('/conditions', 'x', { 'if-none-match': '*' })).status).toBe(412)
    expect((await put('/conditions', 'x', { 'if-match': '"other"' })).status).toBe(412)
    expect((await put('/conditions-none', 'x', { 'if-match': '*' })).status).toBe(412)
    expect((await put('/conditions', 'second', { 'if-match': first })).status).toBe(200)
    expect((await put('/conditions', 'third', { 'if-match': first })).status).toBe(412)
    expect(await (await get('/conditions')).text()).toBe('second')
    expect((await get('/conditions', { 'if-match': first })).status).toBe(412)
    const tag = `"${sha256(Buffer.from('second'))}"`
    expect((await get('/conditions', { 'if-none-match': tag })).status).toBe(304)
    expect((await remove('/conditions', '', { 'if-match': first })).status).toBe(412)
    expect((await remove('/conditions', '', { 'if-match': tag })).status).toBe(204)
    expect((await get('/conditions')).status).toBe(404)
  })

  test('a body with another checksum than Content-Digest changes nothing', async () => {
    await put('/digest', 'before')
    const wrong = createHash('sha256').update('other').digest('base64')
    const answer = await put('/digest', 'after', { 'content-digest': `sha-256=:${wrong}:` })
    expect([answer.status, answer.body['errors']]).toEqual([
      400,
      [expect.objectContaining({ field: 'body' })],
    ])
    expect(await (await get('/digest')).text()).toBe('before')
    expect(readdirSync(root).filter((name) => name.startsWith('.molecule-upload'))).toEqual([])
  })

  test('a replaced file keeps its permissions', async () => {
    await put('/script', 'echo')
    execFileSync('chmod', ['755', join(root, 'script')])
    await put('/script', 'echo 2')
    expect((await list('/')).find(({ name }) => name === 'script')?.mode).toBe('0755')
  })
})

describe('removing', () => {
  test('a directory is removed when it is empty, or with all that is in it', async () => {
    await put('/gone/sub/file', 'x')
    expect(await remove('/gone')).toMatchObject({ status: 409, body: { reason: 'file_full' } })
    expect((await remove('/gone', '&recursive=true')).status).toBe(204)
    expect((await remove('/gone')).status).toBe(404)
    expect((await remove('/')).status).toBe(400)
  })

  test('a link is removed, and what it leads to stays', async () => {
    await put('/linked/target', 'stays')
    symlinkSync('target', join(root, 'linked/link'))
    expect((await remove('/linked/link', '&recursive=true')).status).toBe(204)
    expect(await (await get('/linked/target')).text()).toBe('stays')
  })
})

describe('refusals', () => {
  test.each([
    ['no path', ''],
    ['an empty path', 'path='],
    ['a relative path', 'path=relative'],
    ['.. within the path', 'path=/a/../b'],
    ['an encoded .. within the path', 'path=/a/%2e%2e/b'],
    ['. within the path', 'path=/./a'],
    ['a null character', 'path=/a%00b'],
    ['a path of over 5,000 characters', `path=/${'x'.repeat(5_000)}`],
  ])('%s is refused for every method', async (_, query) => {
    for (const [method, route] of [
      ['GET', ''],
      ['GET', '/content'],
      ['PUT', '/content'],
      ['DELETE', '/content'],
      ['POST', '/archive'],
    ] as const) {
      const answer = await h.request(files(`${route}?${query}`), {
        method,
        ...(method === 'PUT' ? { body: 'x' } : {}),
      })
      expect([method, route, answer.status, answer.body['errors']]).toEqual([
        method,
        route,
        400,
        [expect.objectContaining({ field: 'path' })],
      ])
    }
  })

  test('a file where a directory is needed, and the other way round, is named', async () => {
    await put('/kinds/file', 'x')
    expect((await put('/kinds', 'x')).status).toBe(400)
    expect((await put('/kinds/file/below', 'x')).status).toBe(400)
    expect((await h.request(files(`?${at('/kinds/file')}`))).status).toBe(400)
    expect((await h.request(files(`/content?${at('/kinds')}`))).status).toBe(400)
    expect((await h.request(files(`/content?${at('/kinds/none')}`))).status).toBe(404)
    expect((await h.request(files(`?${at('/kinds/none')}`))).status).toBe(404)
    execFileSync('mkfifo', [join(root, 'kinds/fifo')])
    expect((await h.request(files(`/content?${at('/kinds/fifo')}`))).status).toBe(400)
  })
})
