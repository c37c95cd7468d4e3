// The foreign programs of this run: where they are, and how an agent or a client is started.
import { execFile, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { guardChild } from '../../support/child-guard.ts'
import { freePorts } from '../../support/ports.ts'

const paths = JSON.parse(process.env['FIELD_PARTS'] ?? '{}') as Record<string, string>

export const hasPart = (name: string): boolean => Object.hasOwn(paths, name)

export function partPath(name: string): string {
  const path = paths[name]
  if (path === undefined) throw new Error(`${name} is missing: start this run with npm run test:field`)
  return path
}

const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** How a program of a part is run: a script of this folder with its Python, or its own program. */
const commandOf = (part: string, program: string, args: string[]): [string, string[]] =>
  program.endsWith('.py')
    ? [partPath(part), [fileOf(program), ...args]]
    : [partPath(part), [program, ...args]]

export type ForeignAgent = { part: string; port: number; stop(): Promise<void> }

/** Starts an agent on a free port, and waits until it accepts connections. */
export async function startForeignAgent(
  part: string,
  program: string,
  args: string[] = [],
): Promise<ForeignAgent> {
  const [port = 0] = await freePorts(1)
  const [command, all] = commandOf(part, program, [String(port), ...args])
  const child = spawn(command, all, { stdio: ['ignore', 'ignore', 'pipe'] })
  const release = guardChild(child.pid)
  let printed = ''
  child.stderr.on('data', (chunk: Buffer) => (printed = `${printed}${chunk.toString()}`.slice(-4_000)))
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      release()
      resolve()
    })
  })
  for (let tries = 0; !(await accepts(port)); tries++) {
    if (child.exitCode !== null || tries > 300)
      throw new Error(`${program} of ${part} did not start:\n${printed}`)
    await sleep(200)
  }
  return {
    part,
    port,
    async stop() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

/** What a client printed, or the last line of its error. */
export type ClientResult = { result: { name: string; failed?: string } } | { error: string }

/** Runs a client to its end. */
export async function runForeignClient(part: string, program: string, args: string[]): Promise<ClientResult> {
  const [command, all] = commandOf(part, program, args)
  try {
    const { stdout } = await promisify(execFile)(command, all, { timeout: 60_000, maxBuffer: 10_000_000 })
    return { result: JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { name: string } }
  } catch (error) {
    const { message, stderr = '' } = error as { message: string; stderr?: string }
    return { error: stderr.trim().split('\n').slice(-3).join(' ') || message }
  }
}
