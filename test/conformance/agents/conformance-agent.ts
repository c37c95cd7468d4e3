// The interface of the agents in these tests, and the loopback socket of each.
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

export type ConformanceAgent = {
  /** Host and port. They must not appear in an answer through the proxy. */
  authority: string
  port: number
  /** The paths of its bindings, as in its card. */
  paths: { jsonRpc: string; rest: string | undefined }
  /** Lets a held task continue. */
  release(taskId: string): void
  close(): Promise<void>
}

/** Serves on a free loopback port. The listener is created after the port is known, because cards contain addresses. */
export async function serveAgent(
  createListener: (authority: string) => RequestListener,
): Promise<Pick<ConformanceAgent, 'authority' | 'port' | 'close'>> {
  const server = createServer()
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  const authority = `127.0.0.1:${port}`
  server.on('request', createListener(authority))
  return {
    authority,
    port,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}
