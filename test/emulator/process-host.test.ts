// The host that gives each guest a process of its own, with real signals, real sockets and real exits. The last group
// boots the sample agent and kills a whole server.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConnectionRefused } from '../../lib/emulator/guests/host.ts'
import { createProcessHost } from '../../lib/emulator/node/process-host.ts'
import { get, textOf, useProcessHost } from '../support/guest-processes.ts'

const { folder, guests, lines, module, boot, start, canPull } = useProcessHost()

/** Whether a process of that id runs; one that is dead and only not yet collected by its parent does not. */
function lives(pid: number): boolean {
  const state = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)])
    .stdout.toString()
    .trim()
  return state !== '' && !state.startsWith('Z')
}

describe('a guest', () => {
  test('a guest is booted only from an image in the table', () => {
    expect(canPull('web')).toBe(true)
    expect(canPull('ghcr.io/nobody/nothing')).toBe(false)
  })

  test('two guests listen on port 8000 and each answers its own requests', async () => {
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

  test('a guest refuses connections to a closed port and to one bound to loopback', async () => {
    const guest = await start('web')
    await expect(guest.fetch(8001, new Request('http://app/'))).rejects.toThrow(ConnectionRefused)
    await expect(guest.fetch(9000, new Request('http://app/'))).rejects.toThrow(ConnectionRefused)
    guest.kill()
    await guest.exited
    await expect(get(guest)).rejects.toThrow(ConnectionRefused)
    expect(guest.listening()).toEqual([])
  })

  test("a guest sees its own environment and nothing of the server's", async () => {
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

  test('a guest finds its files below a root that it cannot leave', async () => {
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

describe('the end', () => {
  test('the exit code of a guest is that of its program', async () => {
    expect(await boot('seven').exited).toEqual({ exitCode: 7, oomKilled: false })
  })

  test('a program that throws exits with code 1, and the log has the error', async () => {
    expect(await boot('broken').exited).toEqual({ exitCode: 1, oomKilled: false })
    await expect.poll(() => lines.join('\n')).toContain('m-broken Error: no such luck')
  })

  test('SIGTERM and SIGINT let a program stop by itself', async () => {
    for (const signal of ['SIGTERM', 'SIGINT']) {
      const guest = await start('web')
      guest.signal(signal)
      expect(await guest.exited).toEqual({ exitCode: 0, oomKilled: false })
    }
  })

  test('kill ends a program that ignores signals or is suspended', async () => {
    const guest = await start('stubborn')
    guest.signal('SIGTERM')
    await expect.poll(() => textOf(guest, '/')).toBe('true')
    guest.suspend()
    guest.kill()
    expect(await guest.exited).toEqual({ exitCode: 137, signal: 'SIGKILL', oomKilled: false })
    guest.kill()
  })

  test('a suspended program does not answer, and continues after resume', async () => {
    const guest = await start('web')
    const pid = await textOf(guest, '/pid')
    guest.suspend()
    const pending = textOf(guest, '/pid')
    const silence = new Promise((resolve) => setTimeout(resolve, 100))
    expect(await Promise.race([pending, silence])).toBeUndefined()
    guest.resume()
    expect(await pending).toBe(pid)
  })

  test('close of the host ends all guests and removes their files', async () => {
    const directory = join(folder, 'closing')
    const other = createProcessHost({ images: module, directory })
    const spec = {
      machineId: 'm',
      app: 'a',
      region: 'ams',
      image: 'stubborn',
      memoryMb: 256,
      env: {},
      files: [],
      print: () => {},
      flyApi: async () => ({ status: 200, body: '' }),
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
  test('the sample agent boots as a process and answers the message of the tutorial', async () => {
    const guest = boot('sample-agent', {
      env: { WORKSPACE_ID: 'w-1', PLATFORM_URL: 'http://127.0.0.1:1', FLY_REGION: 'ams' },
      files: [{ path: '/configs/config.yaml', contents: new TextEncoder().encode('name: "Ada"\n') }],
    })
    await expect.poll(() => guest.listening().length, { interval: 5 }).toBe(1)
    const response = await get(guest, '/', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":"1","method":"message/send","params":{"message":{"kind":"message","messageId":"m-1","role":"user","parts":[{"kind":"text","text":"What region are you running in?"}]}}}',
    })
    expect(await response.json()).toMatchObject({ result: { parts: [{ text: 'ams' }] } })
  })

  test('guests of a server that was killed with SIGKILL end too, also suspended and spinning ones', async () => {
    const directory = join(folder, 'killed')
    const script = `
      import { createProcessHost } from ${JSON.stringify(new URL('../../lib/emulator/node/process-host.ts', import.meta.url).href)}
      const host = createProcessHost({ images: () => ${JSON.stringify(module('web'))}, directory: ${JSON.stringify(directory)} })
      const spec = { machineId: 'm', app: 'a', region: 'ams', image: 'web', memoryMb: 256, env: {}, files: [], print: () => {}, flyApi: async () => ({ status: 200, body: '' }) }
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
    await expect.poll(() => pids.map(lives)).toEqual([false, false, false])
    await expect.poll(() => readdirSync(directory)).toEqual([])
  })
})
