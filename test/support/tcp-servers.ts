// TCP servers of a test that stand for databases, and what else it must remove at its end.
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach } from 'vitest'

export const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

/** A TCP server on loopback. */
export async function serve(handle: (socket: Socket) => void, port = 0): Promise<number> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    handle(socket)
  })
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening))
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** The connection string with some of its parts changed. */
export function changed(
  url: string,
  change: Partial<Pick<URL, 'username' | 'password' | 'pathname' | 'search' | 'port'>>,
) {
  return Object.assign(new URL(url), change).href
}
