// The server as a process: what it says when it starts and when it refuses to, and what is left when it is killed. Each
// test has its own data directory and ports.
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { askRegion, type Json } from './support/harness.ts'
import { freePorts } from './support/ports.ts'
import { stillLiving } from './support/processes.ts'
import { createPlace, machinesAtFly, type Server, startInVain, startServer } from './support/server.ts'

type Workspace = Json & { id: string }

let place: Awaited<ReturnType<typeof createPlace>>
let running: Server[]
beforeEach(async () => {
  place = await createPlace()
  running = []
})
afterEach(async () => {
  await Promise.all(running.map((server) => server.end('SIGKILL')))
  place.remove()
})

async function start(settings: Record<string, string> = {}): Promise<Server> {
  const server = await startServer({ ...place.settings, ...settings })
  running.push(server)
  return server
}

async function createReady(server: Server, name: string): Promise<Workspace> {
  const { body } = await server.call<Workspace>('/workspaces', {
    method: 'POST',
    headers: { prefer: 'wait=30' },
    json: { name, runtime: 'hermes', tier: 2 },
  })
  expect(body).toMatchObject({ status: 'ready' })
  return body
}

async function region(server: Server, id: string): Promise<unknown> {
  const { body } = await server.call<{ result?: { parts: { text: string }[] } }>(`/workspaces/${id}/a2a`, {
    method: 'POST',
    json: askRegion(),
  })
  return body.result?.parts[0]?.text ?? body
}

describe('starting', () => {
  test('says where it is, what it uses, and how to make a workspace', async () => {
    const { url, printed } = await start()
    expect(url).toBe(`http://127.0.0.1:${place.settings.PORT}`)
    expect(printed.stdout).toContain(`${url}/docs`)
    expect(printed.stdout).toContain(place.settings.DATA_DIR)
    expect(printed.stdout).toContain(`the embedded emulator at ${place.emulatorUrl}`)
    expect(printed.stdout).toContain('CONTAINER_BACKEND, FLY_API_TOKEN, FLY_WORKSPACE_APP')
    expect(printed.stdout).toContain('open to this computer')
    expect(printed.stdout).toContain(`curl -s -X POST ${url}/workspaces`)
    expect(printed.stderr).toBe('')
  })

  test('answers /healthz with what it is made of', async () => {
    const server = await start()
    const { status, body } = await server.call('/healthz')
    expect(status).toBe(200)
    expect(body).toEqual({
      status: 'ok',
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/) as string,
      provisioner: 'flyio',
      app: 'molecule-workspaces',
      region: 'ord',
      emulator: true,
      database: 'pglite',
      uptime: expect.any(Number) as number,
    })
  })

  test('with ADMIN_TOKEN asks for it, and its banner never shows it', async () => {
    const server = await start({ ADMIN_TOKEN: 'a-token-of-the-operator' })
    expect((await server.call('/workspaces')).status).toBe(401)
    const headers = { authorization: 'Bearer a-token-of-the-operator' }
    expect((await server.call('/workspaces', { headers })).status).toBe(200)
    expect(server.printed.stdout).toContain('$ADMIN_TOKEN')
    expect(server.printed.stdout).not.toContain('a-token-of-the-operator')
  })

  test('against real Fly and a Postgres touches neither, and starts no emulator', async () => {
    const server = await start({
      CONTAINER_BACKEND: 'flyio',
      FLY_API_TOKEN: 'a-secret-token',
      FLY_WORKSPACE_APP: 'my-workspaces',
      FLY_REGION: 'fra',
      // Nobody listens there: whatever dials them fails.
      FLY_FLAPS_BASE_URL: 'http://127.0.0.1:1',
      DATABASE_URL: 'postgres://nobody:a-secret-password@127.0.0.1:1/nothing',
    })
    expect(server.printed.stdout).toContain('app my-workspaces, region fra')
    expect(server.printed.stdout).toContain('set PUBLIC_URL')
    expect(server.printed.stdout).not.toMatch(/emulator|a-secret/)
    expect(server.printed.stderr).not.toContain('a-secret')
    expect(existsSync(place.settings.DATA_DIR)).toBe(false)
    await expect(fetch(place.emulatorUrl)).rejects.toThrow()
  })

  test('while its Postgres is dead stays alive, and answers 503 with Retry-After', async () => {
    const server = await start({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' })
    expect(await server.call('/livez')).toMatchObject({ status: 200, body: { status: 'ok' } })
    for (const path of ['/healthz', '/health', '/workspaces', `/workspaces/${crypto.randomUUID()}`]) {
      const { status, headers, body } = await server.call(path)
      expect(status, path).toBe(503)
      expect(headers.get('content-type'), path).toBe('application/problem+json')
      expect(Number(headers.get('retry-after')), path).toBeGreaterThan(0)
      expect(body, path).toMatchObject({ code: 'unavailable' })
    }
    expect((await server.call('/livez')).status).toBe(200)
  })
})

describe('refusing to start', () => {
  const FLY = {
    CONTAINER_BACKEND: 'flyio',
    FLY_API_TOKEN: 'a-secret-token',
    FLY_WORKSPACE_APP: 'my-workspaces',
  }
  type Name = keyof typeof FLY

  test.each<[Name[], Name[]]>([
    [['CONTAINER_BACKEND'], ['FLY_API_TOKEN', 'FLY_WORKSPACE_APP']],
    [['CONTAINER_BACKEND', 'FLY_API_TOKEN'], ['FLY_WORKSPACE_APP']],
    [['CONTAINER_BACKEND', 'FLY_WORKSPACE_APP'], ['FLY_API_TOKEN']],
    [['FLY_API_TOKEN', 'FLY_WORKSPACE_APP'], ['CONTAINER_BACKEND']],
    [['FLY_API_TOKEN'], ['CONTAINER_BACKEND', 'FLY_WORKSPACE_APP']],
  ])('with only %j names %j, and leaves the disk alone', async (given, missing) => {
    const { code, stdout, stderr } = await startInVain({
      ...place.settings,
      ...Object.fromEntries(given.map((name) => [name, FLY[name]])),
    })
    expect(code).toBe(2)
    for (const name of missing) expect(stderr).toContain(`${name} is missing`)
    for (const name of given) expect(stderr).not.toContain(`${name} is missing`)
    expect(stderr).not.toMatch(/a-secret-token|at .*\.ts/)
    expect(stdout).toBe('')
    expect(existsSync(place.settings.DATA_DIR)).toBe(false)
  })

  test('tells every mistake at once', async () => {
    const { code, stderr } = await startInVain({
      ...place.settings,
      CONTAINER_BACKEND: 'flyio',
      FLY_API_TOKEN: '<your-fly-deploy-token>',
      FLY_REGION: 'the-moon',
      PORT: 'eighty',
    })
    expect(code).toBe(2)
    expect(stderr).toContain('FLY_API_TOKEN is still a placeholder')
    expect(stderr).toContain('FLY_WORKSPACE_APP is missing')
    expect(stderr).toContain('FLY_REGION must be a Fly region code')
    expect(stderr).toMatch(/PORT .*number/)
  })

  test.each(['PORT', 'EMULATOR_PORT'] as const)('says which port is taken when %s is', async (setting) => {
    const port = place.settings[setting]
    const squatter = createServer()
    await new Promise<void>((resolve) => squatter.listen(Number(port), '127.0.0.1', resolve))
    try {
      const { code, stderr } = await startInVain(place.settings)
      expect(code).toBe(2)
      expect(stderr.trim()).toBe(
        `port ${port} on 127.0.0.1 is taken by another program: stop it, or set ${setting} to a free port`,
      )
    } finally {
      squatter.close()
    }
  })

  test('says who has the data directory open, and does not disturb them', async () => {
    const first = await start()
    const [port = 0, emulatorPort = 0] = await freePorts(3)
    const { code, stderr } = await startInVain({
      ...place.settings,
      PORT: String(port),
      EMULATOR_PORT: String(emulatorPort),
    })
    expect(code).toBe(2)
    expect(stderr).toMatch(/is open in process \d+: stop it, or set DATA_DIR to another directory/)
    expect((await first.call('/healthz')).status).toBe(200)
  })
})

describe('ending', () => {
  test('with SIGTERM is clean: code 0, and no agent stays', async () => {
    const server = await start()
    await createReady(server, 'one')
    await createReady(server, 'two')
    const guests = server.guests()
    expect(guests).toHaveLength(2)
    expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null })
    expect(stillLiving(guests)).toEqual([])
  })

  test('by kill -9 leaves no agent behind either', async () => {
    const server = await start()
    await createReady(server, 'one')
    await createReady(server, 'two')
    const guests = server.guests()
    expect(guests).toHaveLength(2)
    await server.end('SIGKILL')
    await expect.poll(() => stillLiving(guests), { timeout: 10_000 }).toEqual([])
  })
})

describe('starting again on the same directory', () => {
  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'after %s still has its workspaces, which answer and can be restarted',
    async (signal) => {
      const first = await start()
      const { id } = await createReady(first, 'lasting')
      await first.end(signal)

      const second = await start()
      expect((await second.call<Workspace[]>('/workspaces')).body.map((one) => one.id)).toEqual([id])
      await expect.poll(() => region(second, id), { timeout: 15_000, interval: 200 }).toBe('ord')
      expect(await machinesAtFly(place.emulatorUrl, id)).toHaveLength(1)

      const { status, body } = await second.call<Workspace>(`/workspaces/${id}/restart`, {
        method: 'POST',
        headers: { prefer: 'wait=30' },
      })
      expect(status).toBe(200)
      expect(body).toMatchObject({ status: 'ready', generation: 2 })
      expect(await region(second, id)).toBe('ord')
      expect(await machinesAtFly(place.emulatorUrl, id)).toHaveLength(1)
    },
  )

  // Where the create is when the server dies: barely stored, with a machine that is being placed, pulled, or booted.
  test.each([0, 100, 400, 900])(
    'after kill -9 %i ms into a create, the workspace comes to rest with one machine',
    async (ms) => {
      const first = await start({ EMULATOR_BOOT_MS: '1000' })
      const { body: created } = await first.call<Workspace>('/workspaces', {
        method: 'POST',
        json: { name: 'interrupted', runtime: 'hermes', tier: 2 },
      })
      expect(created['status']).toBe('provisioning')
      await new Promise((resolve) => setTimeout(resolve, ms))
      await first.end('SIGKILL')

      const second = await start({ EMULATOR_BOOT_MS: '1000', SWEEP_INTERVAL_SECONDS: '1' })
      const read = async () => (await second.call<Workspace>(`/workspaces/${created.id}`)).body
      // Whoever held the create is dead, which is known only when its lease has run out.
      await expect
        .poll(async () => (await read())['status'], { timeout: 90_000, interval: 250 })
        .not.toBe('provisioning')
      const settled = await read()
      if (settled['status'] !== 'ready') {
        expect(settled).toMatchObject({
          status: 'failed',
          reason: {
            code: expect.any(String) as string,
            message: expect.any(String) as string,
            hint: expect.any(String) as string,
          },
        })
      } else {
        expect(await region(second, created.id)).toBe('ord')
      }
      expect(await machinesAtFly(place.emulatorUrl, created.id)).toHaveLength(
        settled['status'] === 'ready' ? 1 : 0,
      )
    },
    120_000,
  )

  test('after kill -9 in the middle of a removal, the machine is gone in the end', async () => {
    const first = await start()
    const { id } = await createReady(first, 'going')
    await first.call(`/workspaces/${id}`, { method: 'DELETE' })
    await first.end('SIGKILL')
    const second = await start({ SWEEP_INTERVAL_SECONDS: '1' })
    expect((await second.call(`/workspaces/${id}`)).body).toMatchObject({ status: 'removed' })
    await expect
      .poll(() => machinesAtFly(place.emulatorUrl, id), { timeout: 90_000, interval: 250 })
      .toEqual([])
  }, 120_000)
})
