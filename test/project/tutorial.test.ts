// The shell commands of the tutorial, unchanged, against a server of this test, and `npm run tutorial`. The commands name
// port 8080; a .curlrc redirects curl to the port of the test.
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { listen } from '../../functions/node/http-server.ts'
import { createPostgresDatabase } from '../support/database.ts'
import { startLoopbackFly } from '../support/loopback-fly.ts'
import { freePorts } from '../support/ports.ts'
import { createServerFixture, type Server, spawnNode, startServer } from '../support/server.ts'

const TUTORIAL = readFileSync(new URL('../fixtures/tutorial.md', import.meta.url), 'utf8')

/** The shell commands of the tutorial by step number. */
function printedSteps(): Map<number, string> {
  const [, block = ''] = /```bash\n(.*?)```/s.exec(TUTORIAL) ?? []
  const parts = block.split(/^(?=# \d+\. )/m)
  return new Map(parts.map((part) => [Number(/^# (\d+)/.exec(part)?.[1]), part]))
}

const TOOLS = ['curl', 'jq']

/** Tools that this computer lacks. */
const missing = TOOLS.filter((tool) => spawnSync(tool, ['--version']).error !== undefined)

/** Writes commands into a folder for PATH that run the stand-ins. */
function writeStandIns(folder: string, tools: string[]): void {
  mkdirSync(folder)
  for (const tool of tools) {
    const script = fileURLToPath(new URL(`../support/bin/${tool}.ts`, import.meta.url))
    writeFileSync(join(folder, tool), `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`)
    chmodSync(join(folder, tool), 0o755)
  }
}

let files: Awaited<ReturnType<typeof createServerFixture>>
let server: Server
let home: string
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'tutorial-'))
  files = await createServerFixture()
  server = await startServer({ ...files.settings, DATABASE_URL: await createPostgresDatabase() })
  writeFileSync(join(home, '.curlrc'), `connect-to = "localhost:8080:127.0.0.1:${files.settings.PORT}"\n`)
})
afterAll(async () => {
  await server.end('SIGTERM')
  files.remove()
  rmSync(home, { recursive: true })
})

function runInBash(
  script: string,
  path: string,
  curlHome = home,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const shell = spawn('bash', ['-euo', 'pipefail', '-c', script], {
      env: { PATH: path, CURL_HOME: curlHome, HOME: curlHome },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    shell.stdout.on('data', (bytes) => (output += String(bytes)))
    shell.stderr.on('data', (bytes) => (output += String(bytes)))
    shell.once('error', reject)
    shell.once('close', (code) => resolve({ code, output }))
  })
}

/** Runs the printed steps 3, 4, 6 and 7. */
async function expectPrintedStepsToWork(standIns: string[], curlHome: string): Promise<void> {
  const folder = join(curlHome, 'printed-steps')
  writeStandIns(folder, standIns)
  const steps = printedSteps()
  const script = [3, 4, 6, 7].map((number) => steps.get(number) ?? `false # no step ${number}`).join('')
  const path = `${folder}${delimiter}${process.env['PATH'] ?? ''}`
  const { code, output } = await runInBash(script, path, curlHome)
  expect(output).toContain('"provisioner": "flyio"')
  expect(output).toMatch(/^Workspace ID: [0-9a-f]{8}-[0-9a-f-]{27}$/m)
  expect(output.trim().split('\n').at(-1)).toBe('"ord"')
  expect(code).toBe(0)
}

test('the printed steps of the tutorial work with curl and jq of this computer', () =>
  expectPrintedStepsToWork(missing, home))

test('the commands of the README about an agent that remembers print what it remembers, and its fork differs', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const [, script] = /```bash\n(say\(\).*?)```/s.exec(readme) ?? []
  const folder = join(home, 'readme')
  writeStandIns(folder, missing)
  const { output } = await runInBash(
    script ?? 'false # no such commands',
    `${folder}${delimiter}${process.env['PATH'] ?? ''}`,
  )
  expect(output.trim().split('\n')).toEqual([
    'I will remember: the invoice is paid',
    'paused',
    'ready',
    'I remember: the invoice is paid',
    'I will remember: this is the copy',
    'I remember: the invoice is paid; this is the copy',
    'I remember: the invoice is paid',
  ])
})

// The stand-ins run everywhere, so that they are tested too.
test('the printed steps work with the tutorial’s settings and ANONYMOUS_LOOPBACK, by stand-ins for curl and jq', async () => {
  const fly = await startLoopbackFly()
  onTestFinished(() => fly.close())
  const { settings, remove } = await createServerFixture()
  onTestFinished(remove)
  const { DATA_DIR, PORT } = settings
  const DATABASE_URL = await createPostgresDatabase()
  const running = await startServer({
    DATA_DIR,
    PORT,
    DATABASE_URL,
    ...fly.settings,
    ANONYMOUS_LOOPBACK: 'true',
  })
  onTestFinished(async () => void (await running.end('SIGTERM')))
  const curlHome = mkdtempSync(join(tmpdir(), 'tutorial-fly-'))
  onTestFinished(() => rmSync(curlHome, { recursive: true }))
  writeFileSync(join(curlHome, '.curlrc'), `connect-to = "localhost:8080:127.0.0.1:${PORT}"\n`)
  await expectPrintedStepsToWork(TOOLS, curlHome)
})

describe('npm run tutorial', () => {
  test('npm run tutorial goes from create to delete on a server of its own with ADMIN_TOKEN, and prints each step', async () => {
    const { printed, exited } = spawnNode(
      'commands/tutorial.ts',
      { ADMIN_TOKEN: 'a-token-of-the-operator' },
      ['--embedded'],
    )
    expect(await exited, printed.stdout).toEqual({ code: 0, signal: null })
    expect(printed.stdout).toContain('An embedded server is started')
    const steps = printed.stdout.split('\n').filter((line) => line.startsWith('▸'))
    expect(steps.map((line) => line.split(/[ ,:]/)[1])).toEqual([
      'What',
      'Create',
      'Wait',
      'Ask',
      'Tell',
      'Restart',
      'Ask',
      'Pause',
      'Ask',
      'Fork',
      'Delete',
    ])
    expect(printed.stdout).toContain('provisioner flyio (emulated)')
    expect(printed.stdout.match(/^ {4}"ord" {3}\[\d+\.\d\d s\]$/gm)).toHaveLength(2)
    expect(printed.stdout.match(/"I remember: the milk"/g)).toHaveLength(2)
    expect(printed.stdout).toMatch(/^✓ the whole tutorial/m)
  })

  test('npm run tutorial fails at the first step if no server answers', async () => {
    const [port = 0] = await freePorts(1)
    const { printed, exited } = spawnNode('commands/tutorial.ts', { BASE_URL: `http://127.0.0.1:${port}` })
    expect((await exited).code).toBe(1)
    expect(printed.stdout).toMatch(/✗ What is at .*\n.*no answer from/)
    expect(printed.stdout).not.toContain('Create')
  })

  test('npm run tutorial deletes its workspace when a later step fails, and says why', async () => {
    const workspace = { id: 'w-1', status: 'failed', reason: { code: 'quota', message: 'Full', hint: 'Ask' } }
    const asked: string[] = []
    const broken = await listen(
      (request) => {
        const { pathname } = new URL(request.url)
        asked.push(`${request.method} ${pathname}`)
        const health = { provisioner: 'flyio', app: 'a', region: 'ord', database: 'pglite' }
        return Response.json(pathname === '/healthz' ? health : workspace)
      },
      { host: '127.0.0.1', port: 0, setting: 'a test' },
    )
    const { printed, exited } = spawnNode('commands/tutorial.ts', {
      BASE_URL: `http://127.0.0.1:${broken.port}`,
    })
    expect((await exited).code).toBe(1)
    await broken.close(0)
    expect(asked).toEqual([
      'GET /healthz',
      'POST /workspaces',
      'GET /workspaces/w-1',
      'DELETE /workspaces/w-1',
    ])
    expect(printed.stdout).toContain('it is failed: Full (quota). Ask')
  })

  test('npm run tutorial explains itself with --help', async () => {
    const { printed, exited } = spawnNode('commands/tutorial.ts', {}, ['--help'])
    expect((await exited).code).toBe(0)
    expect(printed.stdout).toContain('BASE_URL')
  })
})
