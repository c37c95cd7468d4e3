// Guests that run a command: what the program finds in its machine, which port stands for the machine's, and how it ends.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BootSpec, Guest, Host } from '../../lib/emulator/guests/host.ts'
import { ConnectionRefused } from '../../lib/emulator/guests/host.ts'
import { createProcessHost } from '../../lib/emulator/node/process-host.ts'
import { get, textOf } from '../support/guest-processes.ts'
import { freePorts } from '../support/ports.ts'

/** Serves its environment, files and working directory where MODE says; ends when asked to unless it is stubborn. */
const PROGRAM = `
  import { spawn } from 'node:child_process'
  import { readFileSync, writeFileSync } from 'node:fs'
  import { createServer } from 'node:http'
  const { MODE, PORT, WORKSPACE_DISK_PATH } = process.env
  if (MODE === 'exit') process.exit(Number(process.argv[2]))
  if (MODE === 'leave') {
    const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
    console.log('left ' + child.pid)
    process.exit(0)
  }
  if (MODE === 'stubborn') for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => console.log(signal))
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://app')
    if (pathname === '/close') server.close()
    if (pathname === '/file') return response.end(readFileSync(searchParams.get('path')))
    if (pathname === '/write') writeFileSync(WORKSPACE_DISK_PATH + '/note', searchParams.get('text'))
    response.end(JSON.stringify({ env: process.env, cwd: process.cwd(), pid: process.pid }))
  })
  server.listen(Number(process.env.OWN_PORT ?? PORT), MODE === 'loopback' ? '127.0.0.1' : '0.0.0.0', () => console.log('up'))
  console.error('a line of stderr')
`

let folder: string
let host: Host
const lines: string[] = []

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'command-guest-'))
  writeFileSync(join(folder, 'program.mjs'), PROGRAM)
  process.env['SERVER_SECRET'] = 'fly-token'
  const image = (...command: string[]) => ({
    command,
    directory: folder,
    env: { OF_IMAGE: 'yes', NAME: 'image' },
  })
  const images: Record<string, ReturnType<typeof image>> = {
    program: image(process.execPath, 'program.mjs', '7'),
    missing: image('no-such-program'),
  }
  host = createProcessHost({ images: (name) => images[name], directory: join(folder, 'guests') })
})
afterAll(async () => {
  await host.close()
  delete process.env['SERVER_SECRET']
  expect(readdirSync(join(folder, 'guests'))).toEqual(['disks'])
  rmSync(folder, { recursive: true })
})

function boot(spec: Partial<BootSpec> & { mode?: string } = {}): Guest {
  const { mode = '', env, ...rest } = spec
  return host.boot({
    machineId: `m-${mode}`,
    app: 'app',
    region: 'ams',
    image: 'program',
    memoryMb: 256,
    port: 8000,
    env: { MODE: mode, ...env },
    files: [],
    print: (line) => lines.push(`${mode} ${line}`),
    flyApi: async () => ({ status: 200, body: '' }),
    ...rest,
  })
}

async function start(spec: Parameters<typeof boot>[0] = {}): Promise<Guest> {
  const guest = boot(spec)
  await expect.poll(() => guest.listening().length).toBe(1)
  return guest
}

type Seen = { env: Record<string, string>; cwd: string; pid: number }
const look = async (guest: Guest): Promise<Seen> => (await get(guest)).json() as Promise<Seen>

/** Whether a process runs; one that is dead and only not yet collected by its parent does not. */
function lives(pid: number): boolean {
  const state = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)])
    .stdout.toString()
    .trim()
  return state !== '' && !state.startsWith('Z')
}

test('two machines listen on their port 8000 at once, because PORT is another for each', async () => {
  const [one, two] = await Promise.all([start({ mode: 'one' }), start({ mode: 'two' })])
  expect(one.listening()).toEqual([{ port: 8000, address: '0.0.0.0' }])
  const [first, second] = [await look(one), await look(two)]
  expect([first.env['MODE'], second.env['MODE']]).toEqual(['one', 'two'])
  expect(first.env['PORT']).not.toBe(second.env['PORT'])
  await expect(one.fetch(8001, new Request('http://app/'))).rejects.toThrow(ConnectionRefused)
})

test("a program gets the machine's environment over the image's, and of the server's only where its tools are", async () => {
  const { cwd, env } = await look(await start({ env: { NAME: 'machine', PORT: '1' } }))
  expect(env).toMatchObject({ NAME: 'machine', OF_IMAGE: 'yes', PATH: process.env['PATH'] })
  expect(env['PORT']).not.toBe('1')
  expect(JSON.stringify(env)).not.toContain('fly-token')
  expect(cwd).toBe(folder)
})

test('variables that are paths of the machine are paths on this computer, where files and the volume are', async () => {
  await host.disks.create('vol_one')
  const spec = {
    env: { CONFIGS_DIR: '/configs', WORKSPACE_DISK_PATH: '/workspace', OTHER: '/usr', ROOT: '/' },
    files: [{ path: '/configs/deep/config.yaml', contents: new TextEncoder().encode('name: web') }],
    mount: { volume: 'vol_one', path: '/workspace' },
  }
  const guest = await start(spec)
  const { env } = await look(guest)
  expect(env).toMatchObject({ OTHER: '/usr', ROOT: '/', CONFIGS_DIR: `${env['MACHINE_ROOT']}/configs` })
  expect(await textOf(guest, `/file?path=${env['CONFIGS_DIR']}/deep/config.yaml`)).toBe('name: web')
  await textOf(guest, '/write?text=kept')
  guest.kill()
  await guest.exited
  expect(existsSync(env['MACHINE_ROOT'] ?? '')).toBe(false)
  const next = await start(spec)
  expect(await textOf(next, `/file?path=${(await look(next)).env['WORKSPACE_DISK_PATH']}/note`)).toBe('kept')
  expect(readFileSync(join(folder, 'guests/disks/volumes/vol_one/note'), 'utf8')).toBe('kept')
})

test('a program that listens on 127.0.0.1 only cannot be reached, and its log says why', async () => {
  const guest = await start({ mode: 'loopback' })
  expect(guest.listening()).toEqual([{ port: 8000, address: '127.0.0.1' }])
  await expect(get(guest)).rejects.toThrow(ConnectionRefused)
  expect(lines.filter((line) => line.includes('bind 0.0.0.0'))).toHaveLength(1)
})

test('a program that closes its port is refused connections', async () => {
  const guest = await start()
  await textOf(guest, '/close')
  await expect.poll(() => get(guest).catch((error: unknown) => error)).toBeInstanceOf(ConnectionRefused)
  expect(guest.listening()).toEqual([])
})

test('what a program prints is in the log, and its exit code is the exit code of its machine', async () => {
  expect(await boot({ mode: 'exit' }).exited).toEqual({ exitCode: 7, oomKilled: false })
  await start({ mode: 'printing' })
  await expect.poll(() => lines).toEqual(expect.arrayContaining(['printing up', 'printing a line of stderr']))
})

test('a program gets SIGTERM, and is killed when it ignores it, also while it is suspended', async () => {
  const polite = await start()
  polite.signal('SIGTERM')
  expect(await polite.exited).toMatchObject({ signal: 'SIGTERM', exitCode: 143 })
  const stubborn = await start({ mode: 'stubborn' })
  stubborn.signal('SIGINT')
  await expect.poll(() => lines).toContain('stubborn SIGINT')
  stubborn.suspend()
  stubborn.kill()
  expect(await stubborn.exited).toMatchObject({ signal: 'SIGKILL', exitCode: 137 })
})

test('a program that is ended before it was started never runs', async () => {
  const guest = boot({ mode: 'early' })
  guest.signal('SIGINT')
  expect(await guest.exited).toMatchObject({ signal: 'SIGINT', exitCode: 130 })
  const killed = boot({ mode: 'early' })
  killed.kill()
  expect(await killed.exited).toMatchObject({ signal: 'SIGKILL' })
  expect(lines.filter((line) => line.startsWith('early'))).toEqual([])
})

test('a program that is not there exits with 127 and an error in the log', async () => {
  expect(await boot({ image: 'missing', mode: 'missing' }).exited).toEqual({
    exitCode: 127,
    oomKilled: false,
  })
  expect(lines.join('\n')).toContain('missing Error: spawn no-such-program ENOENT')
})

// Only Linux shows the environment of processes, by which these are found.
test.runIf(existsSync('/proc/self/environ'))(
  'what a program leaves running in a session of its own ends with it',
  async () => {
    await boot({ mode: 'leave' }).exited
    const left = Number(/left (\d+)/.exec(lines.join('\n'))?.[1])
    await expect.poll(() => lives(left)).toBe(false)
  },
)

// Without /proc the emulator cannot tell whose port it is.
test.runIf(existsSync('/proc/net/tcp'))(
  'a program that ignores PORT is found at its own port, and a second one fails',
  async () => {
    const [port = 0] = await freePorts(1)
    const spec = { mode: 'fixed', port, env: { OWN_PORT: String(port) } }
    const first = await start(spec)
    const response = await first.fetch(port, new Request('http://app/'))
    expect(((await response.json()) as Seen).env['MODE']).toBe('fixed')
    expect((await boot(spec).exited).exitCode).toBe(1)
    expect(lines.join('\n')).toContain('EADDRINUSE')
  },
)
