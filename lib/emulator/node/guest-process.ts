// The entry of one guest process: it receives the boot message of process-host.ts, writes the machine's files, and runs
// the image's program. The program gets nothing of the server: its environment comes in the message, its files live
// below a root of their own, and the process ends when the channel to the server closes.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { BootSpec, GuestMachine, Program } from '../guests/host.ts'
import { createMachineFiles } from './machine-files.ts'
import type { VolumeLink } from './machine-files.ts'

/**
 * The first and only message to a guest. `program` is a module URL. `root` is the folder that stands for `/`: it is the
 * working directory of the program, whose children find the mounted volume there too, as a symbolic link to `folder`.
 */
export type BootMessage = Pick<BootSpec, 'env' | 'files'> & {
  program: string
  root: string
  mount: VolumeLink | undefined
}

/** A guest's report to its host: `actual` is the loopback port that stands for the port of the program. */
export type ListeningMessage = { port: number; address: string; actual: number }

/** A call of the program to its own machine's API, and the answer of the host. `call` tells the calls apart. */
export type ApiCallMessage = { call: number; method: string; path: string; body: string | undefined }
export type ApiAnswerMessage = { call: number; status: number; body: string }

const stop = new AbortController()
process.on('SIGINT', () => stop.abort())
process.on('SIGTERM', () => stop.abort())

// The server has ended, perhaps by SIGKILL. A guest that cannot be reached or stopped must not stay.
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

async function run({ program, root, env, files, mount }: BootMessage): Promise<number> {
  const { prepare, readFile, writeFile } = createMachineFiles(root)
  prepare(files, mount)

  // Set as late as this, NODE_OPTIONS of the guest affects the guest's own children and not this process.
  Object.assign(process.env, env)
  const machine: GuestMachine = {
    env,
    readFile,
    writeFile,
    listen,
    fetch: globalThis.fetch,
    flyApi,
    stopping: stop.signal,
    log: (line) => console.log(line),
  }
  const { default: start } = (await import(program)) as { default: Program }
  return start(machine)
}

let calls = 0

const flyApi: GuestMachine['flyApi'] = (method, path, body) => {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>()
  const message: ApiCallMessage = { call: ++calls, method, path, body }
  const onAnswer = (answer: ApiAnswerMessage): void => {
    if (answer.call !== message.call) return
    process.off('message', onAnswer)
    resolve({ status: answer.status, body: answer.body })
  }
  process.on('message', onAnswer)
  process.send?.(message, undefined, undefined, (error) => error && reject(error))
  return promise
}

const taken = new Set<number>()

/**
 * Serves on an ephemeral loopback port and reports it, so that any number of guests can listen on port 8000.
 * Resolves when the report was sent to the host. Rejects when this guest listens on the port already.
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
  // The emulated proxy limits the duration of a request. Node alone would cut an upload after five minutes.
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
