// What the containers of a run call: a recorder of the messages that arrived, and the home of each control plane, which leads to
// one of its replicas that runs.
import { connect, createServer, type AddressInfo } from 'node:net'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

type Listener = { url: string; close(): Promise<void> }

export async function startRecorder(): Promise<Listener & { arrivals: Map<string, number> }> {
  const arrivals = new Map<string, number>()
  const server = createHttpServer((request, response) => void record(request, response))

  async function record(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = await text(request)
    arrivals.set(id, (arrivals.get(id) ?? 0) + 1)
    response.end()
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    arrivals,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** @param pick the URL of a replica that runs; without one the connection is closed */
export async function startHome(pick: () => string | undefined): Promise<Listener> {
  const server = createServer((client) => {
    const replica = pick()
    client.on('error', () => {})
    if (replica === undefined) return void client.destroy()
    const upstream = connect(Number(new URL(replica).port), '127.0.0.1')
    upstream.on('error', () => client.destroy())
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    // Connections end with the containers.
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
