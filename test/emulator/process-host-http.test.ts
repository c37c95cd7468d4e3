// HTTP between the emulator and a guest that is a process of its own: streams, headers, and requests that are given up.

import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Guest } from '../../lib/emulator/guests/host.ts'
import { get, textOf, useProcessHost } from '../support/guest-processes.ts'

const { start } = useProcessHost()

describe('a request', () => {
  let guest: Guest
  beforeAll(async () => {
    guest = await start('web')
  })

  test('the first bytes of a response arrive before its end', async () => {
    const reader = (await get(guest, '/slow')).body!.getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('first')
    const early = performance.now()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('last')
    expect(performance.now() - early).toBeGreaterThan(100)
    expect((await reader.read()).done).toBe(true)
  })

  test('a guest reads a request body before it is complete', async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const writer = writable.getWriter()
    const init: RequestInit & { duplex: 'half' } = { method: 'POST', body: readable, duplex: 'half' }
    const pending = get(guest, '/echo', init)
    await writer.write(new TextEncoder().encode('one'))
    const reader = (await pending).body!.getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('one')
    await writer.close()
    expect((await reader.read()).done).toBe(true)
  })

  test('a request keeps its headers and host and loses those of the connection', async () => {
    const response = await get(guest, '/echo', {
      method: 'POST',
      body: 'hi',
      headers: { 'x-mine': 'yes', 'x-hop': 'no', connection: 'x-hop', te: 'trailers' },
    })
    expect(await response.text()).toBe('hi')
    const seen = Object.fromEntries(JSON.parse(response.headers.get('x-seen')!) as [string, string][])
    expect(seen).toMatchObject({ 'x-mine': 'yes', host: 'app.fly.dev' })
    for (const name of ['x-hop', 'te', 'accept-encoding']) expect(seen).not.toHaveProperty(name)
    expect(response.headers.has('connection')).toBe(false)
    expect(response.headers.has('transfer-encoding')).toBe(false)
  })

  test('a compressed response and a redirect are passed on unchanged', async () => {
    const packed = await get(guest, '/gzip')
    expect(packed.headers.get('content-encoding')).toBe('gzip')
    expect(Buffer.from(await packed.arrayBuffer())).toEqual(gzipSync('packed'))
    const redirect = await get(guest, '/redirect')
    expect([redirect.status, redirect.headers.get('location')]).toEqual([302, '/elsewhere'])
  })

  test('an aborted request is aborted at the guest too', async () => {
    const abort = new AbortController()
    const pending = get(guest, '/silent', { signal: abort.signal })
    await expect(
      Promise.race([pending, new Promise((resolve) => setTimeout(resolve, 50))]),
    ).resolves.toBeUndefined()
    abort.abort()
    await expect(pending).rejects.toThrow(/abort/i)
    await expect.poll(() => textOf(guest, '/aborted')).toBe('true')
  })

  test('a response that is cancelled half-way leaves the guest running', async () => {
    const response = await get(guest, '/slow')
    await response.body!.cancel()
    expect(await textOf(guest, '/')).toBe('hello from web')
  })

  test('a request fails with ECONNRESET when the guest dies while it answers', async () => {
    const other = await start('web')
    const reader = (await get(other, '/slow')).body!.getReader()
    await reader.read()
    const unanswered = get(other, '/silent').catch((error: unknown) => error)
    // Time enough to be on its way, also where the computer is busy.
    await new Promise((resolve) => setTimeout(resolve, 100))
    other.kill()
    await expect(reader.read()).rejects.toThrow()
    expect(await unanswered).toMatchObject({ code: 'ECONNRESET' })
  })
})
