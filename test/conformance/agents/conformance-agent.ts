// What the tests know of an agent, and the loopback socket that each of them has.
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

export type ConformanceAgent = {
  /** Host and port, which must never show through us. */
  authority: string
  port: number
  /** Where its bindings are, as its card says. */
  paths: { jsonRpc: string; rest: string | undefined }
  /** Lets a task that is held go on. */
  release(taskId: string): void
  close(): Promise<void>
}

/** Serves on a loopback port of its own. The listener is made when the port is known, because cards hold addresses. */
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
