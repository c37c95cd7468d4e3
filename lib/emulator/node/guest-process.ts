// The bootstrap of one guest process: takes the boot message of process-host.ts, writes the machine's files, and runs the
// image's program. Nothing of the server's reaches the program: its environment arrives in the message, its files live
// below a root of their own, and the process ends when the channel to the server does.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join, normalize } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import type { BootSpec, GuestMachine, Program } from '../guests/host.ts'

/** The first and only message to a guest. `program` is a module URL, `root` the folder its files go below. */
export type BootMessage = Pick<BootSpec, 'env' | 'files'> & { program: string; root: string }

/** What a guest tells its host: which loopback port stands for the port the program asked for. */
export type ListeningMessage = { port: number; address: string; actual: number }

const stop = new AbortController()
process.on('SIGINT', () => stop.abort())
process.on('SIGTERM', () => stop.abort())

// The server is gone, killed perhaps. A guest nobody can reach or stop must not stay.
process.on('disconnect', () => process.exit(1))

process.once('message', (message: BootMessage) => {
  run(message).then(
    (exitCode) => process.exit(exitCode),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})

async function run({ program, root, env, files }: BootMessage): Promise<number> {
  // Normalising from `/` keeps every path below the root, as `..` at the root of a real machine leads nowhere.
  const inside = (path: string) => join(root, normalize(`/${path}`))
  const writeFile = (path: string, contents: string | Uint8Array) => {
    mkdirSync(dirname(inside(path)), { recursive: true, mode: 0o700 })
    writeFileSync(inside(path), contents, { mode: 0o600 })
  }
  for (const { path, contents } of files) writeFile(path, contents)

  // Only now: set any earlier, a guest's NODE_OPTIONS would change this process instead of the guest's own children.
  Object.assign(process.env, env)
  const machine: GuestMachine = {
    env,
    readFile(path) {
      try {
        return readFileSync(inside(path), 'utf8')
      } catch (error) {
        if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
        throw error
      }
    },
    writeFile,
    listen,
    fetch: globalThis.fetch,
    stopping: stop.signal,
    log: (line) => console.log(line),
  }
  const { default: start } = (await import(program)) as { default: Program }
  return start(machine)
}

const taken = new Set<number>()

/**
 * Serves on an ephemeral loopback port and reports it, so that any number of guests can each own port 8000.
 * Resolves when the report is on its way to the host. Rejects when this guest already owns the port.
 */
async function listen(
  port: number,
  handler: (request: Request) => Response | Promise<Response>,
  address = '0.0.0.0',
): Promise<void> {
  if (taken.has(port)) throw new Error(`EADDRINUSE: ${address}:${port}`)
  taken.add(port)
  const answer = getRequestListener(handler, { overrideGlobalObjects: false })
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing))
  // The emulated proxy decides how long a request may take; Node would cut an upload after five minutes.
  server.requestTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port: actual } = server.address() as AddressInfo
  const report: ListeningMessage = { port, address, actual }
  await new Promise<void>((resolve, reject) => {
    process.send?.(report, undefined, undefined, (error) => (error ? reject(error) : resolve()))
  })
}
