// Runs one command for a guest as a process of this computer: in the machine's directory, with the machine's
// environment and nothing of the server's. It ends with its machine.

import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { CommandCutOff, CommandNotFound } from '../guests/host.ts'
import type { GuestCommand, GuestCommandResult } from '../guests/host.ts'
import { killProcessesOf, ROOT_VARIABLE } from './machine-processes.ts'

/** Output beyond it is dropped: what Fly does with much output is not known. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024

export type Commands = {
  /** Rejects with CommandCutOff or CommandNotFound. What the command leaves in the background stays until {@link end}. */
  run: (command: GuestCommand) => Promise<GuestCommandResult>
  /** Ends all commands of the machine, and what they left running. */
  end: () => void
}

/** @param root the directory that stands for the machine's root */
export function createCommands(root: string, env: Record<string, string>): Commands {
  const over = new AbortController()
  let hasRun = false
  return {
    run(command) {
      hasRun = true
      return runCommand(command, root, env, over.signal)
    },
    end() {
      over.abort()
      if (hasRun) killProcessesOf(root)
    },
  }
}

function runCommand(
  { command: [program = '', ...args], stdin, timeoutMs }: GuestCommand,
  root: string,
  env: Record<string, string>,
  over: AbortSignal,
): Promise<GuestCommandResult> {
  const { promise, reject, resolve } = Promise.withResolvers<GuestCommandResult>()
  if (over.aborted) return Promise.reject(new CommandCutOff('the machine has ended'))
  const child = spawn(program, args, {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '', ...env, [ROOT_VARIABLE]: root },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A process group of its own, so that the command ends with its children.
    detached: true,
  })
  const cutOff = (message: string): void => {
    killGroup(child.pid)
    reject(new CommandCutOff(message))
  }
  const onOver = (): void => cutOff('the machine has ended')
  const timer = setTimeout(() => cutOff('the command did not end in time'), timeoutMs)
  over.addEventListener('abort', onOver, { once: true })
  const stdout = collect(child.stdout)
  const stderr = collect(child.stderr)
  // A command that does not read its input is no error.
  child.stdin.on('error', () => {})
  child.stdin.end(stdin)
  child.once('error', (error) => reject(new CommandNotFound(error.message)))
  child.once('exit', (code, signal) => {
    // The last output may still be in the pipes; a child in the background may hold them for ever.
    const answer = (): void => {
      const number = signal === null ? 0 : constants.signals[signal]
      resolve({ exitCode: code ?? 128 + number, signal: number, stdout: stdout(), stderr: stderr() })
    }
    child.once('close', answer)
    setTimeout(answer, 200).unref()
  })
  return promise.finally(() => {
    clearTimeout(timer)
    over.removeEventListener('abort', onOver)
  })
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = []
  let length = 0
  stream.on('data', (chunk: Buffer) => {
    if (length < MAX_OUTPUT_BYTES) chunks.push(chunk)
    length += chunk.length
  })
  return () => Buffer.concat(chunks).subarray(0, MAX_OUTPUT_BYTES).toString('utf8')
}

/** Ends a command with its children. That it has ended already is no error. */
function killGroup(group: number | undefined): void {
  if (group === undefined) return
  try {
    process.kill(-group, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
