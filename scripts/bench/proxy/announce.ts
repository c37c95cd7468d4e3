// How a process of the bench begins and ends: it tells its parent which port it listens on, and goes when the parent goes,
// however that was.
import type { AddressInfo, Server } from 'node:net'

export type Announcement = { port: number }

/** @param server just told to listen */
export function announce(server: Server): void {
  endWithParent()
  server.once('listening', () => {
    const { port } = server.address() as AddressInfo
    process.send?.({ port } satisfies Announcement)
  })
}

export function endWithParent(): void {
  process.once('disconnect', () => process.exit(0))
  // Ctrl-C reaches the whole group; the parent decides when it is over.
  process.on('SIGINT', () => {})
}
