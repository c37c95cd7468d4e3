// What Node itself needs to pass a request on: node:http and undici's dispatch, without anything else. It is the floor for a proxy
// in one Node process. Its first argument is the agent's URL.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent } from 'undici'
import { announce } from './announce.ts'

const origin = process.argv[2] ?? ''
const agent = new Agent()

const server = createServer((incoming, outgoing) => {
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  incoming.on('end', () => pass(incoming, outgoing, Buffer.concat(chunks)))
})
announce(server.listen(0, '127.0.0.1'))

function pass(incoming: IncomingMessage, outgoing: ServerResponse, body: Buffer): void {
  const type = incoming.headers['content-type'] ?? ''
  agent.dispatch(
    { origin, path: '/', method: 'POST', headers: { 'content-type': type }, body },
    {
      onRequestStart(controller) {
        outgoing.on('drain', () => controller.resume())
        outgoing.on('close', () => {
          if (!outgoing.writableFinished) controller.abort(new Error('the client disconnected'))
        })
      },
      onResponseStart(_, status, headers) {
        outgoing.writeHead(status, headers as Record<string, string>)
      },
      onResponseData(controller, chunk) {
        if (!outgoing.write(chunk)) controller.pause()
      },
      onResponseEnd() {
        outgoing.end()
      },
      onResponseError() {
        outgoing.destroy()
      },
    },
  )
}
