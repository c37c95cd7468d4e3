// The image, without Docker: the files that the Dockerfile copies, started with its command and the settings of fly.toml.
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Environment } from '../../../lib/config/config.ts'
import { createEmptyDatabase } from '../../support/database.ts'
import { type Image, makeImage, type Running } from '../../support/image.ts'
import { startLoopbackFly } from '../../support/loopback-fly.ts'
import { freePorts } from '../../support/ports.ts'

const headers = { authorization: 'Bearer a-token-of-the-operator', 'content-type': 'application/json' }

const flyToml = readFileSync(new URL('../../../fly.toml', import.meta.url), 'utf8')
/** The settings in [env], which are the only names in capitals. */
const flyEnv = Object.fromEntries(
  [...flyToml.matchAll(/^ *([A-Z_]+) = "(.*)"$/gm)].map(([, name, value]) => [name, value]),
)
const releaseCommand = /release_command = "(.*)"/.exec(flyToml)?.[1]?.split(' ') ?? []

let image: Image
let fly: Awaited<ReturnType<typeof startLoopbackFly>>
beforeAll(async () => {
  image = makeImage()
  fly = await startLoopbackFly()
})
afterAll(async () => {
  image.remove()
  await fly.close()
})

const running: Running[] = []
afterEach(() => Promise.all(running.splice(0).map((one) => one.end('SIGKILL'))))

function run(command: string[], env: Record<string, string>): Running {
  const one = image.run(command, env)
  running.push(one)
  return one
}

/** Starts the server as the image does, and waits until /livez answers. */
async function startServer(env: Record<string, string>) {
  const [port = 0] = await freePorts(1)
  const settings = {
    ...flyEnv,
    ...fly.settings,
    ADMIN_TOKEN: 'a-token-of-the-operator',
    ...env,
    PORT: String(port),
  }
  const server = run(image.command, settings)
  const url = `http://127.0.0.1:${port}`
  const lives = async () => (await fetch(`${url}/livez`).catch(() => undefined))?.status
  const died = server.exited.then(() => expect.fail(server.output()))
  await Promise.race([expect.poll(lives, { timeout: 40_000 }).toBe(200), died])
  died.catch(() => {})
  return { server, url, settings }
}

async function createReady(url: string): Promise<void> {
  const body = JSON.stringify({ name: 'from the image', runtime: 'hermes', tier: 2 })
  const answer = await fetch(`${url}/workspaces`, {
    method: 'POST',
    headers: { ...headers, prefer: 'wait=20' },
    body,
  })
  expect(await answer.json()).toMatchObject({ status: 'ready' })
}

test('the image migrates, starts, becomes healthy and ready, creates a workspace and stops', async () => {
  const DATABASE_URL = await createEmptyDatabase()
  const release = run(releaseCommand, { DATABASE_URL })
  expect({ ...(await release.exited), output: release.output() }).toMatchObject({ code: 0 })

  const { server, settings, url } = await startServer({ DATABASE_URL })
  expect(await run(image.healthCheck, settings).exited).toMatchObject({ code: 0 })
  expect((await fetch(`${url}/workspaces`)).status).toBe(401)
  const ready = async () => (await fetch(`${url}/readyz`)).json()
  await expect.poll(ready).toMatchObject({ status: 'ok' })
  await createReady(url)
  expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(await run(image.healthCheck, settings).exited).toMatchObject({ code: 1 })
})

test("the image refuses to start without Fly's settings and names them", async () => {
  const { CONTAINER_BACKEND: _, ...env } = flyEnv
  const server = run(image.command, env)
  expect(await server.exited).toEqual({ code: 2, signal: null })
  expect(server.output()).toMatch(
    /CONTAINER_BACKEND, FLY_API_TOKEN, FLY_WORKSPACE_APP are missing: .* not part of this/,
  )
})

test('fly.toml names existing settings that Fly accepts and leaves time for shutdown', () => {
  expect(Object.keys(flyEnv).length).toBeGreaterThan(3)
  expect(
    Object.keys(flyEnv).filter((name) => !(name in Environment.shape) || name.startsWith('FLY_')),
  ).toEqual([])
  const [, killTimeout] = /^kill_timeout = (\d+)$/m.exec(flyToml) ?? []
  // After the grace, functions/node/start-server.ts takes at most four seconds to save its state.
  expect(Number(killTimeout)).toBeGreaterThan(Number(flyEnv['SHUTDOWN_GRACE_SECONDS']) + 4)
})

test('the image holds what a server needs and nothing of development', () => {
  expect(image.files()).toEqual(
    expect.arrayContaining(['dist/server/node.js', 'drizzle/migrate.ts', 'commands/secrets-rotate.ts']),
  )
  const unwanted =
    /^(test|lib\/emulator|\.)|\.md$|^scripts\/|^commands\/tutorial|^node_modules\/(@a2a-js|vitest|wrangler|typescript|node)\//
  expect(image.files().filter((file) => unwanted.test(file) && !/^node_modules\/.*\.md$/.test(file))).toEqual(
    [],
  )
})
