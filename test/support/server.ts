// Starts the server in its own process, with a data directory and real ports, and ends it with any signal.
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve as resolvePath } from 'node:path'
import { fileURLToPath } from 'node:url'
import { guardChild } from './child-guard.ts'
import { dataParent } from './data-parent.ts'
import type { Answer, Json } from './harness.ts'
import { COMPILE_CACHE, isInRun, onceInRun, runEnv } from './once-in-run.ts'
import { freePorts } from './ports.ts'
import { childrenOf } from './processes.ts'
import { serverProgram } from './server-program.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Code of WebAssembly is not optimized: this halves the processor time of a start with the embedded database. */
const QUICK_START = ['--liftoff-only']

export type Exit = { code: number | null; signal: NodeJS.Signals | null }

/**
 * Starts a script of this project as a child process, which ends with this one. Its environment is PATH, these variables, and the
 * test run's, so that it uses what was made once in the run.
 */
export function spawnNode(script: string, env: Record<string, string>, args: string[] = []) {
  const child = spawn(
    process.execPath,
    [...(isInRun() ? QUICK_START : []), resolvePath(ROOT, script), ...args],
    {
      cwd: ROOT,
      env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: COMPILE_CACHE, ...runEnv(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const release = guardChild(child.pid)
  const printed = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed.stderr += text))
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      release()
      resolve({ code, signal })
    })
  })
  return { child, printed, exited }
}

export type Settings = Record<string, string>

/** A new data directory and free ports, which stay the same from one start to the next. */
export async function createServerFixture() {
  const directory = mkdtempSync(join(dataParent(), 'workspaces-server-'))
  const [port = 0, emulatorPort = 0] = await freePorts(3)
  return {
    directory,
    settings: {
      DATA_DIR: join(directory, 'data'),
      PORT: String(port),
      EMULATOR_PORT: String(emulatorPort),
      EMULATOR_BOOT_MS: '20',
    },
    emulatorUrl: `http://127.0.0.1:${emulatorPort}`,
    remove: () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }),
  }
}

/**
 * A fixture with the data of a server that has started once and ended. A start from it needs less than half the processor time
 * of a first start.
 */
export async function createUsedServerFixture() {
  const source = await onceInRun('first-start', startAndEndOnce)
  const fixture = await createServerFixture()
  cpSync(join(source, 'data'), fixture.settings.DATA_DIR, { recursive: true })
  return fixture
}

/** What the first start of that data printed. */
export async function printedByFirstStart(): Promise<Record<'stdout' | 'stderr', string>> {
  const source = await onceInRun('first-start', startAndEndOnce)
  return JSON.parse(readFileSync(join(source, 'printed.json'), 'utf8')) as Server['printed']
}

async function startAndEndOnce(directory: string): Promise<void> {
  const { settings, remove } = await createServerFixture()
  const server = await startServer(settings)
  await server.end('SIGTERM')
  cpSync(settings.DATA_DIR, join(directory, 'data'), { recursive: true })
  writeFileSync(join(directory, 'printed.json'), JSON.stringify(server.printed))
  remove()
}

export type Server = Awaited<ReturnType<typeof startServer>>

/**
 * Starts the server and waits until it prints its URL.
 * @param program in a test run by default a bundle of the sources, otherwise the sources
 */
export async function startServer(settings: Settings, program?: string) {
  const { child, printed, exited } = spawnNode(program ?? (await serverProgram()), settings)
  const url = await bannerUrl(child, printed, exited)

  async function call<Body = Json>(
    path: string,
    init: RequestInit & { json?: unknown } = {},
  ): Promise<Answer<Body>> {
    const { json, ...rest } = init
    const headers = new Headers(rest.headers)
    if (json !== undefined) headers.set('content-type', 'application/json')
    const response = await fetch(new URL(path, url), {
      ...rest,
      headers,
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    })
    return { status: response.status, headers: response.headers, body: (await response.json()) as Body }
  }

  return {
    url,
    pid: child.pid ?? -1,
    printed,
    exited,
    call,
    /** The ids of the processes that run its machines. */
    guests: () => childrenOf(child.pid ?? -1, 'guest-process'),
    /** Sends the signal and waits until the process has ended. */
    async end(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): Promise<Exit> {
      child.kill(signal)
      return exited
    },
  }
}

function bannerUrl(
  child: ChildProcess,
  printed: { stdout: string; stderr: string },
  exited: Promise<Exit>,
): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', () => {
      const [, url] = /^ {2}API +(http:\S+)/m.exec(printed.stdout) ?? []
      if (url !== undefined) resolve(url)
    })
    void exited.then(({ code, signal }) =>
      reject(new Error(`the server ended (${code ?? signal}) before its banner:\n${printed.stderr}`)),
    )
  })
}

/** Starts a server that is expected to exit by itself, and waits until it has. */
export async function startAndExpectExit(settings: Settings) {
  const { printed, exited } = spawnNode(await serverProgram(), settings)
  const { code } = await exited
  return { code, ...printed }
}

/** The machines of a workspace in the embedded Fly that are not destroyed, read through Fly's API. */
export async function machinesAtFly(emulatorUrl: string, workspaceId: string): Promise<Json[]> {
  const response = await fetch(
    `${emulatorUrl}/v1/apps/molecule-workspaces/machines?metadata.workspace_id=${workspaceId}`,
    { headers: { authorization: 'Bearer emulator' } },
  )
  if (!response.ok) throw new Error(`the emulator answered ${response.status}`)
  return ((await response.json()) as Json[]).filter(({ state }) => state !== 'destroyed')
}
