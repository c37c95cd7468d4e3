// A server with CONTAINER_BACKEND=docker, a real daemon and its images: what every test of test/system/docker/server.test.ts shares.
import { expect, vi } from 'vitest'
import { createPostgresDatabase } from '../../../support/database.ts'
import { type Dockerd, SAMPLE_IMAGE, startDockerd } from '../../../support/dockerd.ts'
import type { Answer, Json } from '../../../support/harness.ts'
import { type ImageRegistry, startImageRegistry } from '../../../support/image-registry.ts'
import { AGENT_COMMAND } from '../../../support/sample-image.ts'
import { createServerFixture, type Server, type Settings, startServer } from '../../../support/server.ts'

const TOKEN = 'the-token-of-the-docker-tests'
/** A test waits for several containers, one after the other. */
export const LONG_MS = 240_000
export const PATIENCE = { timeout: 60_000, interval: 250 }

/** The login of the private registries. */
const LOGIN = { user: 'deployer', password: 'pa$$word' }
export const AGENT_REPOSITORY = 'acme/agent'

export type DockerServer = Awaited<ReturnType<typeof startDockerServer>>

export type Container = { Id: string; State: string; Names: string[]; Labels: Record<string, string> }

/** Where Docker must be installed first, this takes minutes. */
export async function startDockerServer() {
  const dockerd = await startDockerd()
  const closers: (() => unknown)[] = [() => dockerd.close()]
  const close = async () => {
    for (const one of closers.toReversed()) await one()
  }
  try {
    const registry = await startImageRegistry(dockerd.archive, LOGIN)
    closers.push(() => registry.close())
    // The server has another password for this one.
    const locked = await startImageRegistry(dockerd.archive, { ...LOGIN, password: 'changed' })
    closers.push(() => locked.close())
    const digests = [1, 2].map((version) =>
      registry.push(AGENT_REPOSITORY, String(version), {
        command: AGENT_COMMAND,
        labels: { version: String(version) },
      }),
    )
    const settings = settingsOf(dockerd, registry, locked)
    const first = await startControlPlane(dockerd, settings)
    closers.push(() => first.close())
    let second: ReturnType<typeof startSecond> | undefined
    async function startSecond() {
      const network = await dockerd.createNetwork()
      const more = { DOCKER_NETWORK: network, DOCKER_PUBLISH_ADDRESS: 'none', HOST: '0.0.0.0' }
      const plane = await startControlPlane(dockerd, { ...settings, ...more })
      closers.push(() => plane.close())
      return { ...plane, network }
    }
    return {
      ...first,
      dockerd,
      registry,
      digests,
      /** Another control plane on the same daemon, whose agents are on a bridge network without published ports. */
      second: () => (second ??= startSecond()),
      volumes: async () => {
        const { Volumes } = (await dockerd.api('GET', '/volumes')) as { Volumes: { Name: string }[] | null }
        return (Volumes ?? []).map(({ Name }) => Name)
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function settingsOf(dockerd: Dockerd, registry: ImageRegistry, locked: ImageRegistry): Settings {
  const auth = { auth: btoa(`${LOGIN.user}:${LOGIN.password}`) }
  return {
    CONTAINER_BACKEND: 'docker',
    DOCKER_HOST: dockerd.host,
    DOCKER_NETWORK: 'host',
    DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { [registry.host]: auth, [locked.host]: auth } }),
    ADMIN_TOKEN: TOKEN,
    SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'd').toString('base64'),
    // All tests share the token.
    API_RATE_PER_MINUTE: '0',
    RUNTIME_EXEC: JSON.stringify({
      autogen: ['/bin/sh', '-c', 'exit 7'],
      crewai: ['/bin/node', '-e', 'const all = []; for (;;) all.push(Buffer.alloc(5e7, 1))'],
    }),
    ORPHAN_GRACE_SECONDS: '0',
    SWEEP_INTERVAL_SECONDS: '1',
    RUNTIME_IMAGES: Object.entries({
      langgraph: SAMPLE_IMAGE,
      hermes: SAMPLE_IMAGE,
      autogen: SAMPLE_IMAGE,
      crewai: SAMPLE_IMAGE,
      codex: 'localhost:1/nothing/here:1',
      'claude-code': `${registry.host}/${AGENT_REPOSITORY}:1`,
      openclaw: `${locked.host}/${AGENT_REPOSITORY}:1`,
    })
      .map(([runtime, image]) => `${runtime}=${image}`)
      .join(','),
  }
}

async function startControlPlane(dockerd: Dockerd, more: Settings) {
  const fixture = await createServerFixture()
  const settings = { ...fixture.settings, DATABASE_URL: await createPostgresDatabase(), ...more }
  const server: Server = await startServer(settings)

  const call = <Body = Json>(
    method: string,
    path: string,
    json?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer<Body>> =>
    server.call<Body>(path, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      ...(json === undefined ? {} : { json }),
    })

  /** The server itself waits until the workspace is at rest: a read every moment would cost more than what is tested. */
  const untilStatus = (id: string, status: string, more: Json = {}) =>
    vi.waitFor(async () => {
      const { body } = await call('GET', `/workspaces/${id}`, undefined, { prefer: 'wait=20' })
      expect(body, JSON.stringify(body)).toMatchObject({ status, ...more })
      return body
    }, PATIENCE)

  const containersOf = async (id: string) => {
    const filters = encodeURIComponent(JSON.stringify({ label: [`molecule.workspace_id=${id}`] }))
    return (await dockerd.api('GET', `/containers/json?all=1&filters=${filters}`)) as Container[]
  }

  return {
    url: server.url,
    settings,
    /** What the server printed. */
    printed: () => server.printed.stdout + server.printed.stderr,
    token: TOKEN,
    call,
    untilStatus,
    containersOf,
    fetch: (
      path: string,
      { headers, ...init }: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
    ) =>
      fetch(new URL(path, server.url), {
        ...init,
        headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      }),
    /** @returns the id of a workspace, as soon as it was created */
    create: async (input: Json = {}): Promise<string> => {
      const wanted = { name: 'docker-worker', runtime: 'hermes', tier: 2, ...input }
      const { body, status } = await call('POST', '/workspaces', wanted)
      expect(status, JSON.stringify(body)).toBe(201)
      return body['id'] as string
    },
    /** @returns the answer as text */
    say: async (id: string, text: string): Promise<string> => {
      const parts = [{ kind: 'text', text }]
      const message = { kind: 'message', messageId: crypto.randomUUID(), role: 'user', parts }
      const request = { jsonrpc: '2.0', id: 1, method: 'message/send', params: { message } }
      return JSON.stringify((await call('POST', `/workspaces/${id}/a2a`, request)).body)
    },
    /** Waits until the one container of a workspace is in this state. */
    untilContainer: (id: string, State: string) =>
      vi.waitFor(async () => expect(await containersOf(id)).toMatchObject([{ State }]), PATIENCE),
    /** Removes a workspace, and waits until its container is gone. */
    remove: async (id: string): Promise<void> => {
      await call('DELETE', `/workspaces/${id}`)
      await vi.waitFor(async () => expect(await containersOf(id)).toEqual([]), PATIENCE)
    },
    events: async (id: string): Promise<string> => {
      return JSON.stringify((await call('GET', `/workspaces/${id}/events`)).body)
    },
    controlPlaneId: async (): Promise<string> => {
      return (await call('GET', '/healthz')).body['control_plane'] as string
    },
    async close(): Promise<void> {
      await server.end('SIGTERM')
      fixture.remove()
    },
  }
}
