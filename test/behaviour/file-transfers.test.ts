// Files in the machine of a workspace: a write is whole or nothing, a read is whole or breaks off, and archives.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Json } from '../support/harness.ts'
import {
  bytesOf,
  HOSTILE,
  LARGE,
  type MachineFiles,
  openMachineFiles,
  sha256,
} from '../support/machine-files.ts'

let h: MachineFiles['h']
let list: MachineFiles['list']
let root: MachineFiles['root']
let put: MachineFiles['put']
let get: MachineFiles['get']
let archive: MachineFiles['archive']
beforeAll(async () => {
  ;({ h, list, root, put, get, archive } = await openMachineFiles())
})
afterAll(() => h.close())

describe('a write that does not end', () => {
  test.each(['machine.exec', undefined])(
    'an upload that is cut off leaves the old file whole (%s)',
    async (action) => {
      await put('/cut/file', 'the old file')
      let fault: string | undefined
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          controller.enqueue(randomBytes(3_000_000))
          if (action === undefined) controller.error(new Error('the client left'))
          // The machine is out of reach from here on, as after the end of this server.
          else fault ??= h.emulator.faults.add({ kind: 'answer', status: 403, action })
        },
      })
      const answer = await put('/cut/file', body).catch(() => undefined)
      expect(answer?.status ?? 500).toBeGreaterThanOrEqual(400)
      if (fault !== undefined) h.emulator.faults.remove(fault)
      await h.untilIdle()
      expect(await (await get('/cut/file')).text()).toBe('the old file')
      expect(
        (await list('/cut'))
          .filter(({ name }) => !name.startsWith('.molecule-upload-'))
          .map(({ name }) => name),
      ).toEqual(['file'])
    },
  )

  test('lost answers and outages of the provider are repeated without a changed byte', async () => {
    const faults = [
      h.emulator.faults.add({ kind: 'lose-reply', action: 'machine.exec', times: 2 }),
      h.emulator.faults.add({ kind: 'answer', status: 503, action: 'machine.exec', probability: 0.2 }),
    ]
    const written = await put('/unreliable', LARGE)
    const read = await get('/unreliable')
    const bytes = read.status === 200 ? await bytesOf(read) : Buffer.alloc(0)
    for (const fault of faults) h.emulator.faults.remove(fault)
    expect(written.body).toMatchObject({ sha256: sha256(LARGE) })
    expect(bytes.equals(LARGE)).toBe(true)
  })

  test('a file that changes while it is read breaks the answer off', async () => {
    await put('/changing', LARGE)
    const answer = await get('/changing')
    const reader = answer.body?.getReader()
    await reader?.read()
    writeFileSync(join(root, 'changing'), randomBytes(LARGE.length + 1))
    await expect(
      (async () => {
        for (;;) if ((await reader?.read())?.done !== false) return
      })(),
    ).rejects.toThrow()
  })

  test('a body larger than 100 MiB is refused before it is sent', async () => {
    const answer = await put('/too-large', 'x', { 'content-length': String(200 * 1024 * 1024) }).catch(
      () => undefined,
    )
    if (answer !== undefined && answer.status !== 201) expect(answer.status).toBe(413)
    execFileSync('truncate', ['-s', '200M', join(root, 'sparse')])
    expect((await get('/sparse')).status).toBe(413)
  })
})

describe('archives', () => {
  test('a directory is packed, and unpacked elsewhere it has the same files', async () => {
    for (const name of HOSTILE) await put(`/pack/dir/${name}`, `content of ${name}`)
    await put('/pack/large', LARGE)
    const packed = await archive('/pack')
    expect([packed.status, packed.headers.get('content-type')]).toEqual([200, 'application/x-tar'])
    const tar = await bytesOf(packed)
    const folder = mkdtempSync(join(tmpdir(), 'untar-'))
    writeFileSync(join(folder, 'a.tar'), tar)
    execFileSync('tar', ['-C', folder, '-xf', join(folder, 'a.tar')])
    expect(readFileSync(join(folder, 'large')).equals(LARGE)).toBe(true)
    expect(readdirSync(join(folder, 'dir')).toSorted()).toEqual(HOSTILE.toSorted())
    rmSync(folder, { recursive: true })

    await put('/unpacked/dir/present', 'stays')
    await put('/unpacked/large', 'is replaced')
    const unpacked = await archive('/unpacked', {
      body: tar,
      headers: { 'content-type': 'application/x-tar' },
    })
    expect([unpacked.status, await unpacked.json()]).toMatchObject([
      201,
      { size: tar.length, sha256: sha256(tar) },
    ])
    expect((await list('/unpacked/dir')).map(({ name }) => name).toSorted()).toEqual(
      [...HOSTILE, 'present'].toSorted(),
    )
    expect((await bytesOf(await get('/unpacked/large'))).equals(LARGE)).toBe(true)
    expect((await list('/tmp')).filter(({ name }) => name.includes('archive'))).toEqual([])
    expect((await list('/unpacked')).map(({ name }) => name)).toEqual(['dir', 'large'])
  })

  test('a POST whose body turns out to be empty gets an archive, as curl -X POST sends it', async () => {
    await put('/packed/file', 'content')
    const answer = await archive('/packed', { body: new ReadableStream({ start: (body) => body.close() }) })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/x-tar'])
    expect((await bytesOf(answer)).toString()).toContain('content')
  })

  test('what is no archive, and an archive that clashes, changes nothing', async () => {
    await put('/clash/x/y', 'stays')
    const send = async (body: BodyInit, type = 'application/x-tar') => {
      const answer = await archive('/clash', { body, headers: { 'content-type': type } })
      return [answer.status, ((await answer.json()) as Json)['reason'] ?? null]
    }
    expect(await send('this is no tar archive, and it is long enough')).toEqual([400, null])
    expect(await send('{}', 'application/json')).toEqual([415, null])
    await put('/clashing/x', 'a file where there is a directory')
    const tar = await bytesOf(await archive('/clashing'))
    expect(await send(tar)).toEqual([409, 'file_clash'])
    expect((await list('/clash')).map(({ name }) => name)).toEqual(['x'])
    expect(await (await get('/clash/x/y')).text()).toBe('stays')
    expect((await archive('/nothing-here')).status).toBe(404)
  })
})
