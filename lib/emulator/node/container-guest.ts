// Runs a guest's program as the only program of a container: its file system, its port and its signals are the container's
// own.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import type { GuestMachine, Program } from '../guests/host.ts'

/** Ends the process with the program's exit code. */
export function runInContainer(program: Program): void {
  const stop = new AbortController()
  process.on('SIGINT', () => stop.abort())
  process.on('SIGTERM', () => stop.abort())

  const machine: GuestMachine = {
    env: process.env as Record<string, string>,
    readFile,
    writeFile,
    listen,
    fetch: globalThis.fetch,
    flyApi: () => Promise.resolve({ status: 404, body: '' }),
    stopping: stop.signal,
    log: (line) => console.log(line),
  }

  program(machine).then(
    (exitCode) => process.exit(exitCode),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
}

function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

function writeFile(path: string, contents: string): void {
  mkdirSync(dirname(path), { recursive: true })
  // Renamed when it is complete, so that a program that is killed meanwhile leaves the old file.
  writeFileSync(`${path}.new`, contents)
  renameSync(`${path}.new`, path)
}

const listen: GuestMachine['listen'] = (port, handler, address = '0.0.0.0') => {
  const answer = getRequestListener(handler, { overrideGlobalObjects: false })
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing))
  server.requestTimeout = 0
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, resolve)
  })
}
