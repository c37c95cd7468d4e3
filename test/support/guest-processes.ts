// Guest processes for tests: a host that runs small programs, which are written to a temporary folder.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect } from 'vitest'
import type { BootSpec, Guest, Host } from '../../lib/emulator/guests/host.ts'
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
        if (url.pathname === '/write') {
          machine.writeFile(url.searchParams.get('path'), url.searchParams.get('text'))
          return new Response('written')
        }
        if (url.pathname === '/shell') {
          const { execSync } = await import('node:child_process')
          return new Response(execSync(url.searchParams.get('command')))
        }
        if (url.pathname === '/fly') return Response.json(await machine.flyApi('POST', '/v1/x', 'body'))
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

type Image = keyof typeof PROGRAMS | 'sample-agent'

/**
 * A process host for the tests of one file. It is closed after them, and its folder must be empty then, except for disks
 * in tests of disks.
 */
export function useProcessHost({ keepsDisks = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'process-host-'))
  const guests = join(folder, 'guests')
  const lines: string[] = []
  let host: Host

  function module(image: string): string | undefined {
    if (image === 'sample-agent')
      return new URL('../../lib/emulator/sample-agent/sample-agent.ts', import.meta.url).href
    return image in PROGRAMS ? join(folder, `${image}.mjs`) : undefined
  }

  beforeAll(() => {
    for (const [name, source] of Object.entries(PROGRAMS)) writeFileSync(join(folder, `${name}.mjs`), source)
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
    expect(readdirSync(guests)).toEqual(keepsDisks ? ['disks'] : [])
    rmSync(folder, { recursive: true })
  })

  /** For the disks of volumes. */
  const disks = () => host.disks
  const discardRoot = (machineId: string) => host.discardRoot(machineId)
  const boot = (image: Image, spec: Partial<BootSpec> = {}): Guest =>
    host.boot({
      machineId: `m-${image}`,
      app: 'app',
      region: 'ams',
      image,
      memoryMb: 256,
      env: { NAME: image },
      files: [],
      print: () => {},
      flyApi: async (method, path, body) => ({ status: 200, body: `${method} ${path} ${body}` }),
      ...spec,
    })

  /** Boots a program and waits until it listens. */
  async function start(image: 'web' | 'stubborn', spec: Partial<BootSpec> = {}): Promise<Guest> {
    const guest = boot(image, spec)
    const ports = image === 'web' ? 2 : 1
    while (guest.listening().length < ports) await new Promise((resolve) => setTimeout(resolve, 5))
    return guest
  }

  return {
    folder,
    guests,
    lines,
    module,
    disks,
    discardRoot,
    boot,
    start,
    canPull: (image: string) => host.canPull(image),
  }
}

/** One request to port 8000 of a guest. */
export const get = (guest: Guest, path = '/', init?: RequestInit) =>
  guest.fetch(8000, new Request(`http://app.fly.dev${path}`, init))

export const textOf = async (guest: Guest, path: string) => (await get(guest, path)).text()
