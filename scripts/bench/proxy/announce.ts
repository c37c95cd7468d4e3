// The start and the end of a process of the bench: it sends its port to its parent, and ends when the parent ends, however
// the parent ends.
import type { AddressInfo, Server } from 'node:net'

export type Announcement = { port: number }

/** @param server a server on which listen() was just called */
export function announce(server: Server): void {
  endWithParent()
  server.once('listening', () => {
    const { port } = server.address() as AddressInfo
    process.send?.({ port } satisfies Announcement)
  })
}

export function endWithParent(): void {
  process.once('disconnect', () => process.exit(0))
  // Ctrl-C reaches the whole process group; the parent ends this process.
  process.on('SIGINT', () => {})
}
