// Preloaded into the server (`node --import`): measures the longest CPU time of its main thread without a turn of the event loop.
// Unlike a latency it does not depend on what else the computer does. A GET of the port in the environment returns the
// longest time since the last GET, in milliseconds.
import { createServer } from 'node:http'

/** Shorter work is not resolved. */
const RESOLUTION_MS = 1

let longestMs = 0
let before = process.threadCpuUsage()

setInterval(() => {
  const now = process.threadCpuUsage()
  longestMs = Math.max(longestMs, (now.user + now.system - before.user - before.system) / 1000)
  before = now
}, RESOLUTION_MS).unref()

createServer((_request, response) => {
  response.end(String(longestMs))
  longestMs = 0
})
  .listen(Number(process.env['UNINTERRUPTED_CPU_PORT']), '127.0.0.1')
  .unref()
