// The connection to a Docker daemon: a Unix socket, or TCP with TLS. Commands in containers need connections that change
// from HTTP to a plain stream, which undici's fetch does not offer, so those go over node:http.
import { readFileSync } from 'node:fs'
import { type ClientRequest, request as requestHttp, type RequestOptions } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Duplex } from 'node:stream'
import { join } from 'node:path'
import { ReadableStream } from 'node:stream/web'
import { Agent, fetch } from 'undici'
import { ConfigError, type Config } from '../../lib/config/config.ts'
import type { DockerConnection, DockerRequest } from '../../lib/docker/connection.ts'

type Tls = { ca: string; cert: string; key: string }

/** @throws ConfigError for TLS files that cannot be read */
export function createDockerConnection({
  certificates,
  host,
}: Config['docker']): DockerConnection & { close(): Promise<void> } {
  const socketPath = host.startsWith('unix://') ? host.slice('unix://'.length) : undefined
  const tls = socketPath === undefined && certificates !== undefined ? readTls(certificates) : undefined
  const origin = new URL(
    socketPath === undefined ? `${tls ? 'https' : 'http'}://${host.slice('tcp://'.length)}` : 'http://docker',
  )
  // A pull and the stream of events are silent for as long as nothing happens.
  const agent = new Agent({
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: socketPath === undefined ? { ...tls } : { socketPath },
  })
  const place: RequestOptions =
    socketPath === undefined ? { host: origin.hostname, port: origin.port, ...tls } : { socketPath }

  return {
    send: async ({ body, headers, method, path, signal }) =>
      (await fetch(new URL(path, origin), {
        method,
        headers: headers ?? {},
        body: body ?? null,
        signal: signal ?? null,
        dispatcher: agent,
        // The types of undici and of the platform differ in names only.
      })) as unknown as Response,

    upgrade: (request, input) =>
      new Promise((resolve, reject) => {
        const open = tls === undefined ? requestHttp : requestHttps
        const outgoing = open({ ...place, ...toOptions(request) })
        outgoing.once('error', reject)
        outgoing.once('upgrade', (_, socket, head) => {
          if (head.length > 0) socket.unshift(head)
          socket.end(input)
          resolve(toStream(socket))
        })
        respond(outgoing, resolve, reject)
        outgoing.end(request.body)
      }),

    close: () => agent.destroy(),
  }
}

const toOptions = ({ body = '', headers, method, path, signal }: DockerRequest): RequestOptions => ({
  method,
  path,
  headers: {
    ...headers,
    connection: 'Upgrade',
    upgrade: 'tcp',
    'content-length': Buffer.byteLength(body),
  },
  agent: false,
  ...(signal === undefined ? {} : { signal }),
})

/** An answer without an upgrade is a refusal. */
function respond(
  outgoing: ClientRequest,
  resolve: (response: Response) => void,
  reject: (error: unknown) => void,
): void {
  outgoing.once('response', (incoming) => {
    incoming
      .setEncoding('utf8')
      .toArray()
      .then((parts) => resolve(new Response(parts.join(''), { status: incoming.statusCode ?? 502 })))
      .catch(reject)
  })
}

/** Not `Readable.toWeb`: it would wait for the writing half, which a command may leave unread. */
function toStream(socket: Duplex): globalThis.ReadableStream<Uint8Array> {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      socket.on('data', (chunk: Uint8Array) => controller.enqueue(chunk))
      socket.once('end', () => {
        controller.close()
        socket.destroy()
      })
      socket.once('error', (error) => controller.error(error))
    },
    cancel: () => void socket.destroy(),
  })
  return stream as unknown as globalThis.ReadableStream<Uint8Array>
}

/** The files that Docker's own tools read from DOCKER_CERT_PATH. */
function readTls(directory: string): Tls {
  const read = (name: string) => {
    try {
      return readFileSync(join(directory, name), 'utf8')
    } catch (error) {
      throw new ConfigError([
        `DOCKER_CERT_PATH must be a folder with ca.pem, cert.pem and key.pem: ${(error as Error).message}`,
      ])
    }
  }
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
}
