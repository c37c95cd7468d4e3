// The entry of a container that runs the sample agent: its file system, its port and its signals are the container's own.
// test/support/sample-image.ts makes an image of it, for the Docker backend.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import type { GuestMachine } from '../guests/host.ts'
import { sampleAgent } from '../sample-agent/sample-agent.ts'

const stop = new AbortController()
process.on('SIGINT', () => stop.abort())
process.on('SIGTERM', () => stop.abort())

const machine: GuestMachine = {
  env: process.env as Record<string, string>,
  readFile(path) {
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
      throw error
    }
  },
  writeFile(path, contents) {
    mkdirSync(dirname(path), { recursive: true })
    // Renamed when it is complete, so that a program that is killed meanwhile leaves the old file.
    writeFileSync(`${path}.new`, contents)
    renameSync(`${path}.new`, path)
  },
  listen(port, handler, address = '0.0.0.0') {
    const answer = getRequestListener(handler, { overrideGlobalObjects: false })
    const server = createServer((incoming, outgoing) => void answer(incoming, outgoing))
    server.requestTimeout = 0
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, address, resolve)
    })
  },
  fetch: globalThis.fetch,
  flyApi: () => Promise.resolve({ status: 404, body: '' }),
  stopping: stop.signal,
  log: (line) => console.log(line),
}

sampleAgent(machine).then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    console.error(error)
    process.exit(1)
  },
)
