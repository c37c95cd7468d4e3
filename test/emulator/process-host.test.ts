// The host that gives each guest a process of its own: real signals, real sockets, real deaths. The guests are programs
// of a few lines, written to a temporary folder; the last group boots the sample agent and kills a whole server.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BootSpec, Guest, Host } from '../../lib/emulator/guests/host.ts'
import { ConnectionRefused } from '../../lib/emulator/guests/host.ts'
import { createProcessHost } from '../../lib/emulator/node/process-host.ts'

const PROGRAMS = {
  // Answers on 8000 and, only inside, on 9000; stops when asked to.
  web: `
    export default async (machine) => {
      let aborted = false
      const answer = async (request) => {
        const url = new URL(request.url)
        if (url.pathname === '/pid') return new Response(String(process.pid))
        if (url.pathname === '/env') return Response.json({ machine: machine.env, process: process.env, argv: process.argv })
        if (url.pathname === '/file') return Response.json(machine.readFile(url.searchParams.get('path')) ?? null)
        if (url.pathname === '/spin') for (;;);
        if (url.pathname === '/aborted') return Response.json(aborted)
        if (url.pathname === '/silent') {
          request.signal.addEventListener('abort', () => { aborted = true })
          return new Promise(() => {})
        }
        if (url.pathname === '/redirect') return new Response(null, { status: 302, headers: { location: '/elsewhere' } })
        if (url.pathname === '/gzip') {
          const bytes = Buffer.from('${gzipSync('packed').toString('base64')}', 'base64')
          return new Response(bytes, { headers: { 'content-encoding': 'gzip' } })
        }
        if (url.pathname === '/echo') {
          return new Response(request.body, { headers: { 'x-seen': JSON.stringify([...request.headers]) } })
        }
        if (url.pathname === '/slow') {
          const body = new ReadableStream({
            async start(controller) {
              controller.enqueue(new TextEncoder().encode('first'))
              await new Promise((resolve) => setTimeout(resolve, 300))
              controller.enqueue(new TextEncoder().encode('last'))
              controller.close()
            },
          })
          return new Response(body)
        }
        return new Response('hello from ' + machine.env.NAME)
      }
      await machine.listen(8000, answer)
      await machine.listen(9000, answer, '127.0.0.1')
      machine.log('up')
      await new Promise((resolve) => machine.stopping.addEventListener('abort', resolve))
      return 0
    }`,
  stubborn: `
    export default async (machine) => {
      await machine.listen(8000, () => new Response(String(machine.stopping.aborted)))
      return new Promise(() => {})
    }`,
  seven: `export default async () => 7`,
  broken: `export default async () => { throw new Error('no such luck') }`,
}

const here = mkdtempSync(join(tmpdir(), 'process-host-'))
const guests = join(here, 'guests')
const lines: string[] = []
let host: Host

function module(image: string): string | undefined {
  if (image === 'sample-agent')
    return new URL('../../lib/emulator/sample-agent/sample-agent.ts', import.meta.url).href
  return image in PROGRAMS ? join(here, `${image}.mjs`) : undefined
}

beforeAll(() => {
  for (const [name, source] of Object.entries(PROGRAMS)) writeFileSync(join(here, `${name}.mjs`), source)
  process.env['SERVER_SECRET'] = 'fly-token'
  host = createProcessHost({
    images: module,
    directory: guests,
    env: { SHARED: 'yes' },
    log: (line) => lines.push(line),
  })
})

afterAll(async () => {
  await host.close()
  delete process.env['SERVER_SECRET']
  expect(readdirSync(guests)).toEqual([])
  rmSync(here, { recursive: true })
})

function boot(image: keyof typeof PROGRAMS | 'sample-agent', spec: Partial<BootSpec> = {}): Guest {
  return host.boot({
    machineId: `m-${image}`,
    app: 'app',
    region: 'ams',
    image,
    memoryMb: 256,
    env: { NAME: image },
    files: [],
    ...spec,
  })
}

/** Boots a program and waits until it listens. */
async function start(image: 'web' | 'stubborn', spec: Partial<BootSpec> = {}): Promise<Guest> {
  const guest = boot(image, spec)
  const ports = image === 'web' ? 2 : 1
  while (guest.listening().length < ports) await new Promise((resolve) => setTimeout(resolve, 5))
  return guest
}

const get = (guest: Guest, path = '/', init?: RequestInit) =>
  guest.fetch(8000, new Request(`http://app.fly.dev${path}`, init))
const textOf = async (guest: Guest, path: string) => (await get(guest, path)).text()

/** Whether a process of that id runs; one that is dead and only not yet collected by its parent does not. */
function lives(pid: number): boolean {
  const state = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)])
    .stdout.toString()
    .trim()
  return state !== '' && !state.startsWith('Z')
}

describe('a guest', () => {
  test('is booted only from an image of the table', () => {
    expect(host.canPull('web')).toBe(true)
    expect(host.canPull('ghcr.io/nobody/nothing')).toBe(false)
  })

  test('owns its ports: two machines listen on 8000 and each answers for itself', async () => {
    const [one, two] = await Promise.all([
      start('web', { env: { NAME: 'one' } }),
      start('web', { env: { NAME: 'two' } }),
    ])
    expect(await textOf(one, '/')).toBe('hello from one')
    expect(await textOf(two, '/')).toBe('hello from two')
    expect(one.listening()).toEqual([
      { port: 8000, address: '0.0.0.0' },
      { port: 9000, address: '127.0.0.1' },
    ])
    expect(lines).toContain('m-web up')
  })

  test('refuses connections to a closed port and to one bound to loopback', async () => {
    const guest = await start('web')
    await expect(guest.fetch(8001, new Request('http://app/'))).rejects.toThrow(ConnectionRefused)
    await expect(guest.fetch(9000, new Request('http://app/'))).rejects.toThrow(ConnectionRefused)
    guest.kill()
    await guest.exited
    await expect(get(guest)).rejects.toThrow(ConnectionRefused)
    expect(guest.listening()).toEqual([])
  })

  test("sees its own environment and nothing of the server's", async () => {
    const guest = await start('web', { env: { NAME: 'web', NODE_OPTIONS: '--no-such-option' } })
    const seen = (await (await get(guest, '/env')).json()) as Record<
      'machine' | 'process',
      Record<string, string>
    >
    expect(seen.machine).toEqual({ SHARED: 'yes', NAME: 'web', NODE_OPTIONS: '--no-such-option' })
    const { PATH, ...own } = seen.process
    expect(PATH).toBe(process.env['PATH'])
    expect(own).toEqual(seen.machine)
    expect(JSON.stringify(seen)).not.toContain('fly-token')
  })

  test('finds its files below a root it cannot leave', async () => {
    const contents = new TextEncoder().encode('name: web')
    const guest = await start('web', {
      files: [
        { path: '/configs/config.yaml', contents },
        { path: '/../../escaped', contents },
      ],
    })
    const read = async (path: string) => (await get(guest, `/file?path=${encodeURIComponent(path)}`)).json()
    expect(await read('/configs/config.yaml')).toBe('name: web')
    expect(await read('/configs/missing')).toBe(null)
    expect(await read(`/../../../../../..${new URL(import.meta.url).pathname}`)).toBe(null)
    expect(await read('/escaped')).toBe('name: web')
    expect(existsSync(join(guests, 'escaped'))).toBe(false)
  })
})

describe('a request', () => {
  let guest: Guest
  beforeAll(async () => {
    guest = await start('web')
  })

  test('streams: the first bytes of an answer come before its end', async () => {
    const reader = (await get(guest, '/slow')).body!.getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('first')
    const early = performance.now()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('last')
    expect(performance.now() - early).toBeGreaterThan(100)
    expect((await reader.read()).done).toBe(true)
  })

  test('streams up as well: the guest reads what is not all written', async () => {
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

  test('keeps its headers and its host, and loses those of the connection', async () => {
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

  test('gets a packed answer as it is, and a redirect as an answer', async () => {
    const packed = await get(guest, '/gzip')
    expect(packed.headers.get('content-encoding')).toBe('gzip')
    expect(Buffer.from(await packed.arrayBuffer())).toEqual(gzipSync('packed'))
    const redirect = await get(guest, '/redirect')
    expect([redirect.status, redirect.headers.get('location')]).toEqual([302, '/elsewhere'])
  })

  test('that is given up is given up at the guest too', async () => {
    const abort = new AbortController()
    const pending = get(guest, '/silent', { signal: abort.signal })
    await expect(
      Promise.race([pending, new Promise((resolve) => setTimeout(resolve, 50))]),
    ).resolves.toBeUndefined()
    abort.abort()
    await expect(pending).rejects.toThrow(/abort/i)
    await expect.poll(() => textOf(guest, '/aborted')).toBe('true')
  })

  test('whose answer is given up half-way leaves guest and host standing', async () => {
    const response = await get(guest, '/slow')
    await response.body!.cancel()
    expect(await textOf(guest, '/')).toBe('hello from web')
  })

  test('fails, but not as refused, when the guest dies while it answers', async () => {
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

describe('the end', () => {
  test("is the program's exit code", async () => {
    expect(await boot('seven').exited).toEqual({ exitCode: 7, oomKilled: false })
  })

  test('is code 1 when the program throws, with the reason in the log', async () => {
    expect(await boot('broken').exited).toEqual({ exitCode: 1, oomKilled: false })
    await expect.poll(() => lines.join('\n')).toContain('m-broken Error: no such luck')
  })

  test('comes politely with SIGTERM and SIGINT', async () => {
    for (const signal of ['SIGTERM', 'SIGINT']) {
      const guest = await start('web')
      guest.signal(signal)
      expect(await guest.exited).toEqual({ exitCode: 0, oomKilled: false })
    }
  })

  test('comes at once with kill, also for a program that ignores signals or is frozen', async () => {
    const guest = await start('stubborn')
    guest.signal('SIGTERM')
    await expect.poll(() => textOf(guest, '/')).toBe('true')
    guest.suspend()
    guest.kill()
    expect(await guest.exited).toEqual({ exitCode: 137, signal: 'SIGKILL', oomKilled: false })
    guest.kill()
  })

  test('does not come with suspend: the program is silent and goes on where it was', async () => {
    const guest = await start('web')
    const pid = await textOf(guest, '/pid')
    guest.suspend()
    const pending = textOf(guest, '/pid')
    const silence = new Promise((resolve) => setTimeout(resolve, 100))
    expect(await Promise.race([pending, silence])).toBeUndefined()
    guest.resume()
    expect(await pending).toBe(pid)
  })

  test('comes for all guests with close, and no file of theirs stays', async () => {
    const directory = join(here, 'closing')
    const other = createProcessHost({ images: module, directory })
    const spec = {
      machineId: 'm',
      app: 'a',
      region: 'ams',
      image: 'stubborn',
      memoryMb: 256,
      env: {},
      files: [],
    }
    const [one, two] = [other.boot(spec), other.boot(spec)]
    await other.close()
    expect(await Promise.all([one.exited, two.exited])).toMatchObject([
      { signal: 'SIGKILL' },
      { signal: 'SIGKILL' },
    ])
    expect(readdirSync(directory)).toEqual([])
    expect(() => other.boot(spec)).toThrow('closed')
  })
})

describe('embedded mode', () => {
  test('the sample agent comes up and answers the tutorial', async () => {
    const guest = boot('sample-agent', {
      env: { WORKSPACE_ID: 'w-1', PLATFORM_URL: 'http://127.0.0.1:1', FLY_REGION: 'ams' },
      files: [{ path: '/configs/config.yaml', contents: new TextEncoder().encode('name: "Ada"\n') }],
    })
    await expect.poll(() => guest.listening().length, { interval: 5, timeout: 3000 }).toBe(1)
    const response = await get(guest, '/', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":"1","method":"message/send","params":{"message":{"kind":"message","messageId":"m-1","role":"user","parts":[{"kind":"text","text":"What region are you running in?"}]}}}',
    })
    expect(await response.json()).toMatchObject({ result: { parts: [{ text: 'ams' }] } })
  })

  test('a server killed with SIGKILL takes its guests along, frozen and spinning ones too', async () => {
    const directory = join(here, 'killed')
    const script = `
      import { createProcessHost } from ${JSON.stringify(new URL('../../lib/emulator/node/process-host.ts', import.meta.url).href)}
      const host = createProcessHost({ images: () => ${JSON.stringify(module('web'))}, directory: ${JSON.stringify(directory)} })
      const spec = { machineId: 'm', app: 'a', region: 'ams', image: 'web', memoryMb: 256, env: {}, files: [] }
      const guests = [1, 2, 3].map(() => host.boot(spec))
      while (guests.some((guest) => guest.listening().length === 0)) await new Promise((resolve) => setTimeout(resolve, 5))
      const get = (guest, path) => guest.fetch(8000, new Request('http://app' + path))
      const pids = await Promise.all(guests.map(async (guest) => (await get(guest, '/pid')).text()))
      guests[1].suspend()
      get(guests[2], '/spin').catch(() => {})
      console.log(pids.join(' '))
    `
    const server = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const line = await new Promise<string>((resolve) =>
      server.stdout.once('data', (bytes) => resolve(String(bytes))),
    )
    const pids = line.trim().split(' ').map(Number)
    expect(pids.map(lives)).toEqual([true, true, true])
    server.kill('SIGKILL')
    await expect.poll(() => pids.map(lives), { timeout: 2000 }).toEqual([false, false, false])
    await expect.poll(() => readdirSync(directory), { timeout: 2000 }).toEqual([])
  })
})
