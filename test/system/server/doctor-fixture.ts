// What the tests of `npm run doctor` share: an emulated Fly, an image registry and a database, and ways to run the program.
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { listen } from '../../../functions/node/http-server.ts'
import { runDoctor } from '../../../commands/doctor/run.ts'
import { createPostgresDatabase } from '../../support/database.ts'
import { startLoopbackFly } from '../../support/loopback-fly.ts'
import { spawnNode } from '../../support/server.ts'
import { bundleOf } from '../../support/server-program.ts'

type Check = { check: string; state: string; detail: string; fix: string[] }

const ADMIN_TOKEN = randomBytes(32).toString('base64url')
export const SECRETS_ENCRYPTION_KEY = randomBytes(32).toString('base64')

export type DoctorFixture = Awaited<ReturnType<typeof createDoctorFixture>>

export async function createDoctorFixture() {
  const fly = await startLoopbackFly()
  // The tests run at the same time, and together they call Fly more often than one run of doctor does.
  fly.emulator.faults.add({ kind: 'rate-limits', on: false })
  const registry = await startRegistry()
  const databaseUrl = await createPostgresDatabase()
  return {
    fly,
    registry,
    databaseUrl,
    /** Settings that are all correct. Only PUBLIC_URL is missing. */
    settings(more: Record<string, string> = {}): Record<string, string> {
      const { FLY_PROXY_BASE_URL: _, ...others } = fly.settings
      return {
        ...others,
        ADMIN_TOKEN,
        SECRETS_ENCRYPTION_KEY,
        DATABASE_URL: databaseUrl,
        IMAGE_REGISTRY: registry.name,
        PORT: '0',
        ...more,
      }
    },
    close: () => Promise.all([fly.close(), registry.close()]),
  }
}

/** Runs doctor as a process. */
export async function spawnDoctor(env: Record<string, string>, ...args: string[]) {
  const { exited, printed } = spawnNode(await bundleOf('commands/doctor.ts'), env, args)
  return { code: (await exited).code, ...printed }
}

/** Runs doctor in this process, which is faster. */
export async function doctor(env: Record<string, string>, ...args: string[]) {
  const printed = { stdout: '', stderr: '' }
  const code = await runDoctor({
    args,
    env,
    out: (text) => (printed.stdout += text),
    err: (text) => (printed.stderr += text),
    colours: false,
    ask: undefined,
  })
  return { code, ...printed }
}

/** Runs doctor with --json and returns its checks by name. */
export async function examine(env: Record<string, string>, ...args: string[]) {
  const { code, stderr, stdout } = await doctor(env, '--json', '--timeout', '60', ...args)
  expect(stderr).toBe('')
  const report = JSON.parse(stdout) as { ok: boolean; checks: Check[] }
  expect(code).toBe(report.ok ? 0 : 1)
  return (name: string): Check => {
    const found = report.checks.find(({ check }) => check === name)
    if (found === undefined) throw new Error(`no check ${name}`)
    return found
  }
}

/** A registry that gives a token to every client, and has the images of two runtimes. */
async function startRegistry() {
  let origin = ''
  const listener = await listen(
    (request) => {
      const { pathname, searchParams } = new URL(request.url)
      if (pathname === '/token') return Response.json({ token: `for ${searchParams.get('scope')}` })
      const [, repository = ''] = /^\/v2\/(.+)\/manifests\/latest$/.exec(pathname) ?? []
      const scope = `repository:${repository}:pull`
      if (request.headers.get('authorization') !== `Bearer for ${scope}`) {
        const challenge = `Bearer realm="${origin}/token",service="registry",scope="${scope}"`
        return new Response(null, { status: 401, headers: { 'www-authenticate': challenge } })
      }
      return new Response(null, { status: /-(hermes|codex)$/.test(repository) ? 200 : 404 })
    },
    { host: '127.0.0.1', port: 0, setting: 'a test' },
  )
  origin = `http://127.0.0.1:${listener.port}`
  return { name: `127.0.0.1:${listener.port}/team`, close: () => listener.close(0) }
}
