// A registry of container images on this computer, from which a Docker daemon pulls: what the distribution protocol needs to
// read images by tag and by digest, and logins by token as Docker Hub and GitHub have them
// (https://distribution.github.io/distribution/spec/).
import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type ImageConfig = {
  command: readonly string[]
  env?: readonly string[]
  labels?: Record<string, string>
}

/** The content, or the path of its file. */
type Stored = { type: string; bytes: number; content: Buffer | string }

export type ImageRegistry = Awaited<ReturnType<typeof startImageRegistry>>

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
const CONFIG = 'application/vnd.docker.container.image.v1+json'
const LAYER = 'application/vnd.docker.image.rootfs.diff.tar'

const digestOf = (content: Buffer) => `sha256:${createHash('sha256').update(content).digest('hex')}`

/**
 * @param archive a root file system as a tar archive, which all images share. It must stay until the registry is closed
 * @param login needed to pull; without it anyone can
 */
export async function startImageRegistry(archive: string, login?: { user: string; password: string }) {
  const layer = await digestOfFile(archive)
  const layerBytes = statSync(archive).size
  const blobs = new Map<string, Stored>([
    [layer, { type: 'application/octet-stream', bytes: layerBytes, content: archive }],
  ])
  /** Digests by repository and tag. */
  const tags = new Map<string, string>()
  /** The Authorization headers that arrived, in order. */
  const authorizations: string[] = []
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`

  function add(type: string, value: object): { digest: string; size: number; mediaType: string } {
    const content = Buffer.from(JSON.stringify(value))
    const digest = digestOf(content)
    blobs.set(digest, { type, bytes: content.length, content })
    return { digest, size: content.length, mediaType: type }
  }

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', `http://${host}`)
    const { authorization } = request.headers
    if (authorization !== undefined) authorizations.push(authorization)
    if (url.pathname === '/token') return giveToken(authorization, response)
    if (login !== undefined && authorization !== `Bearer ${tokenOf(login)}`) {
      const scope = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(url.pathname)?.[1]
      const challenge = `Bearer realm="http://${host}/token",service="${host}"`
      response.setHeader(
        'www-authenticate',
        scope === undefined ? challenge : `${challenge},scope="repository:${scope}:pull"`,
      )
      return refuse(response, 401, 'UNAUTHORIZED', 'authentication required')
    }
    if (url.pathname === '/v2/') return void response.end('{}')
    const [, repository = '', , reference = ''] =
      /^\/v2\/(.+)\/(manifests|blobs)\/(.+)$/.exec(url.pathname) ?? []
    const digest = tags.get(`${repository}:${reference}`) ?? reference
    const blob = blobs.get(digest)
    if (blob === undefined) return refuse(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown')
    const { bytes, content, type } = blob
    response.writeHead(200, {
      'content-type': type,
      'content-length': bytes,
      'docker-content-digest': digest,
    })
    if (request.method === 'HEAD') response.end()
    else if (typeof content === 'string') createReadStream(content).pipe(response)
    else response.end(content)
  }

  function giveToken(authorization: string | undefined, response: ServerResponse): void {
    if (login !== undefined && authorization !== `Basic ${btoa(`${login.user}:${login.password}`)}`)
      return refuse(response, 401, 'UNAUTHORIZED', 'incorrect username or password')
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ token: login === undefined ? 'anyone' : tokenOf(login) }))
  }

  return {
    /** The registry in the names of its images. */
    host,
    authorizations: authorizations as readonly string[],
    /** @returns the digest of the image */
    push: (repository: string, tag: string, { command, env = [], labels = {} }: ImageConfig): string => {
      const config = add(CONFIG, {
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: { Cmd: command, Env: env, Labels: labels },
        rootfs: { type: 'layers', diff_ids: [layer] },
      })
      const manifest = {
        schemaVersion: 2,
        mediaType: MANIFEST,
        config,
        layers: [{ mediaType: LAYER, size: layerBytes, digest: layer }],
      }
      const { digest } = add(MANIFEST, manifest)
      tags.set(`${repository}:${tag}`, digest)
      return digest
    },
    close(): Promise<void> {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

const tokenOf = ({ password, user }: { user: string; password: string }) =>
  btoa(`token of ${user} ${password}`)

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ errors: [{ code, message }] }))
}

function digestOfFile(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256')
    createReadStream(path)
      .on('data', (chunk) => hash.update(chunk))
      .on('end', () => resolve(`sha256:${hash.digest('hex')}`))
      .on('error', reject)
  })
}
