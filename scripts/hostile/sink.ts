// A bare HTTP server that reads requests and discards them. The same attack against it shows what its senders and the hostile
// agent cost the neighbour, on processors that they share with the server under test. It answers as the hostile machine would.
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { ATTACKS } from './attacks/all.ts'
import type { HostileAnswer } from './attacks/attack.ts'

/** `mostBytes`: after how many bytes an answer breaks off, where the server under test read no more. */
export type SinkCommand = { attack: string | undefined; mostBytes: number }

let hostileAnswer: HostileAnswer | undefined
let mostBytes = 0

const server = createServer((request, response) => {
  response.on('error', () => response.destroy())
  request.on('error', () => {})
  request.resume()
  const { method, socket, url = '' } = request
  if (hostileAnswer === undefined || !url.includes('/a2a')) {
    request.on('end', () => response.end('{}'))
    return
  }
  breakOff(socket)
  hostileAnswer(request, response, method === 'GET')
})
server.on('clientError', (_, socket) => socket.destroy())

const limits = new WeakMap<Socket, number>()

function breakOff(socket: Socket): void {
  const isNew = !limits.has(socket)
  limits.set(socket, socket.bytesWritten + mostBytes)
  if (!isNew) return
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean
  socket.write = (...args: unknown[]) => {
    if (socket.bytesWritten > (limits.get(socket) ?? 0)) socket.destroy()
    return !socket.destroyed && write(...args)
  }
}

process.on('message', (command: SinkCommand) => {
  const attack = ATTACKS.find(({ name }) => name === command.attack)
  attack?.prepare?.()
  hostileAnswer = attack?.answer
  mostBytes = command.mostBytes
  process.send?.({})
})
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})
server.listen(0, '127.0.0.1', () =>
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
)
