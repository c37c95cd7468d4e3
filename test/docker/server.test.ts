// The whole server with CONTAINER_BACKEND=docker and a real daemon: what the tutorial does, over HTTP.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Dockerd, HAS_DOCKER, SAMPLE_IMAGE, startDockerd } from '../support/dockerd.ts'
import type { Json } from '../support/harness.ts'
import { createUsedServerFixture, type Server, startServer } from '../support/server.ts'

const TOKEN = 'the-token-of-the-docker-tests'
/** Each test waits for several containers, one after the other. */
const LONG_MS = 240_000
const PATIENCE = { timeout: 45_000, interval: 200 }

describe.runIf(HAS_DOCKER)('a server with CONTAINER_BACKEND=docker', () => {
  let dockerd: Dockerd
  let server: Server
  let fixture: Awaited<ReturnType<typeof createUsedServerFixture>>

  beforeAll(async () => {
    ;[dockerd, fixture] = await Promise.all([startDockerd(), createUsedServerFixture()])
    server = await startServer({
      ...fixture.settings,
      CONTAINER_BACKEND: 'docker',
      DOCKER_HOST: dockerd.host,
      DOCKER_NETWORK: 'host',
      ADMIN_TOKEN: TOKEN,
      RUNTIME_EXEC: JSON.stringify({
        autogen: ['/bin/sh', '-c', 'exit 7'],
        crewai: ['/bin/node', '-e', 'const all = []; for (;;) all.push(Buffer.alloc(5e7, 1))'],
      }),
      ORPHAN_GRACE_SECONDS: '0',
      SWEEP_INTERVAL_SECONDS: '1',
      RUNTIME_IMAGES: `langgraph=${SAMPLE_IMAGE},hermes=${SAMPLE_IMAGE},autogen=${SAMPLE_IMAGE},crewai=${SAMPLE_IMAGE},codex=localhost:1/nothing/here:1`,
    })
    // Where Docker must be installed first, this takes minutes.
  }, 300_000)
  afterAll(async () => {
    await server?.end('SIGTERM')
    await dockerd?.close()
    fixture?.remove()
  }, 120_000)

  const call = (method: string, path: string, json?: unknown, headers: Record<string, string> = {}) =>
    server.call(path, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      ...(json === undefined ? {} : { json }),
    })
  const create = async (input: Json = {}) => {
    const { body, status } = await call(
      'POST',
      '/workspaces',
      { name: 'docker-worker', runtime: 'hermes', tier: 2, ...input },
      { prefer: 'wait=45' },
    )
    expect(status).toBe(201)
    return body['id'] as string
  }
  const untilStatus = (id: string, status: string) =>
    vi.waitFor(async () => {
      const { body } = await call('GET', `/workspaces/${id}`)
      expect(body, JSON.stringify(body['reason'])).toMatchObject({ status })
      return body
    }, PATIENCE)
  const say = async (id: string, text: string): Promise<string> => {
    const message = {
      kind: 'message',
      messageId: crypto.randomUUID(),
      role: 'user',
      parts: [{ kind: 'text', text }],
    }
    const { body } = await call('POST', `/workspaces/${id}/a2a`, {
      jsonrpc: '2.0',
      id: 1,
      method: 'message/send',
      params: { message },
    })
    return JSON.stringify(body)
  }
  const containersOf = async (id: string) =>
    (await dockerd.api(
      'GET',
      `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify({ label: [`molecule.workspace_id=${id}`] }))}`,
    )) as { Id: string; State: string; Names: string[] }[]

  const volumes = async () => {
    const { Volumes } = (await dockerd.api('GET', '/volumes')) as { Volumes: { Name: string }[] | null }
    return (Volumes ?? []).map(({ Name }) => Name)
  }

  test(
    'a workspace is created, answers, pauses, resumes, sleeps, is woken by a message, and is deleted',
    async () => {
      const id = await create()
      const ready = await untilStatus(id, 'ready')
      expect(ready).toMatchObject({ region: 'local' })
      expect(await say(id, 'hello')).toContain('hello')

      await call('POST', `/workspaces/${id}/pause`)
      await untilStatus(id, 'paused')
      await vi.waitFor(
        async () => expect(await containersOf(id)).toMatchObject([{ State: 'exited' }]),
        PATIENCE,
      )
      await call('POST', `/workspaces/${id}/resume`)
      await untilStatus(id, 'ready')

      await call('POST', `/workspaces/${id}/hibernate`)
      await untilStatus(id, 'hibernated')
      await vi.waitFor(
        async () => expect(await containersOf(id)).toMatchObject([{ State: 'exited' }]),
        PATIENCE,
      )
      expect(await say(id, 'wake up')).toContain('wake up')
      await untilStatus(id, 'ready')

      await call('POST', `/workspaces/${id}/restart`)
      await vi.waitFor(async () => {
        expect((await call('GET', `/workspaces/${id}`)).body).toMatchObject({
          status: 'ready',
          generation: 2,
        })
      }, PATIENCE)
      expect(await say(id, 'again')).toContain('again')

      await call('DELETE', `/workspaces/${id}`)
      await vi.waitFor(async () => expect(await containersOf(id)).toEqual([]), PATIENCE)
    },
    LONG_MS,
  )

  test(
    'what the agent remembers is on a volume, which goes with its workspace',
    async () => {
      const id = await create({ disk_gb: 1 })
      await untilStatus(id, 'ready')
      await say(id, 'remember the milk')
      await call('POST', `/workspaces/${id}/restart`)
      await vi.waitFor(async () => {
        expect((await call('GET', `/workspaces/${id}`)).body).toMatchObject({
          status: 'ready',
          generation: 2,
        })
      }, PATIENCE)
      expect(await say(id, 'what do you remember?')).toContain('the milk')
      const snapshot = await call('POST', `/workspaces/${id}/snapshots`)
      expect(snapshot.status).toBeGreaterThanOrEqual(400)
      expect(JSON.stringify(snapshot.body)).toContain('Docker volumes cannot be kept as snapshots')
      const [container] = await containersOf(id)
      const { Mounts } = (await dockerd.api('GET', `/containers/${container?.Id}/json`)) as {
        Mounts: { Name: string }[]
      }
      const volume = Mounts[0]?.Name ?? ''
      expect(await volumes()).toContain(volume)
      await call('DELETE', `/workspaces/${id}`)
      await vi.waitFor(async () => expect(await volumes()).not.toContain(volume), PATIENCE)
    },
    LONG_MS,
  )

  test(
    'logs and commands reach into the container, and commands have its secrets',
    async () => {
      const id = await create({ secrets: { API_KEY: "it's a $ecret" }, env: { PLAIN: 'text' } })
      await untilStatus(id, 'ready')
      const [container] = await containersOf(id)
      expect(JSON.stringify(await dockerd.api('GET', `/containers/${container?.Id}/json`))).not.toContain(
        '$ecret',
      )
      expect(
        (await call('POST', `/workspaces/${id}/exec`, { command: ['sh', '-c', 'echo "$PLAIN, $API_KEY"'] }))
          .body,
      ).toMatchObject({
        exit_code: 0,
        stdout: expect.stringContaining('text, ') as string,
      })
      await call('POST', `/workspaces/${id}/exec`, {
        command: ['sh', '-c', 'printf %s "$API_KEY" >/tmp/key'],
      })
      const length = await call('POST', `/workspaces/${id}/exec`, {
        command: ['sh', '-c', 'wc -c </tmp/key'],
      })
      expect(length.body).toMatchObject({ stdout: '13\n' })
      await vi.waitFor(async () => {
        const { body } = await call('GET', `/workspaces/${id}/logs`)
        expect(JSON.stringify(body)).toContain('listens on port')
      }, PATIENCE)
      await call('DELETE', `/workspaces/${id}`)
    },
    LONG_MS,
  )

  test(
    'a container that others stop, pause or remove is brought back, and the reason says what happened',
    async () => {
      const id = await create({ on_outside_stop: 'restart' })
      await untilStatus(id, 'ready')
      const reasons = async () => {
        const { body } = await call('GET', `/workspaces/${id}/events`)
        return JSON.stringify(body)
      }
      for (const [verb, words] of [
        ['stop?t=1', 'stopped by request'],
        ['pause', 'suspended by request'],
      ] as const) {
        await dockerd.api('POST', `/containers/ws-${id}/${verb}`)
        await vi.waitFor(async () => expect(await reasons()).toContain(words), PATIENCE)
        await untilStatus(id, 'ready')
        await vi.waitFor(
          async () => expect(await containersOf(id)).toMatchObject([{ State: 'running' }]),
          PATIENCE,
        )
      }
      const [before] = await containersOf(id)
      await dockerd.api('DELETE', `/containers/ws-${id}?force=1`)
      await vi.waitFor(async () => expect(await reasons()).toContain('machine_gone'), PATIENCE)
      await untilStatus(id, 'ready')
      const after = await containersOf(id)
      expect(after).toHaveLength(1)
      expect(after[0]?.Id).not.toBe(before?.Id)
      await call('DELETE', `/workspaces/${id}`)
    },
    LONG_MS,
  )

  test.each([
    ['autogen', 'crashed', 'exit 7'],
    ['crewai', 'out_of_memory', 'memory'],
  ])(
    'an agent of runtime %s fails with the reason %s',
    async (runtime, code, words) => {
      const { body } = await call('POST', '/workspaces', { name: runtime, runtime, tier: 2 })
      const id = body['id'] as string
      const failed = await untilStatus(id, 'failed')
      expect(failed).toMatchObject({ reason: { code } })
      expect(JSON.stringify(failed['reason'])).toContain(words)
      await call('DELETE', `/workspaces/${id}`)
    },
    LONG_MS,
  )

  test(
    'an image that cannot be pulled is the reason, with the words of Docker',
    async () => {
      const { body } = await call('POST', '/workspaces', { name: 'no-image', runtime: 'codex' })
      const id = body['id'] as string
      await vi.waitFor(async () => {
        const { reason } = (await call('GET', `/workspaces/${id}`)).body
        expect(reason).toMatchObject({ code: 'image_unpullable' })
        expect(JSON.stringify(reason)).toContain('connection refused')
      }, PATIENCE)
      await call('DELETE', `/workspaces/${id}`)
    },
    LONG_MS,
  )

  test(
    'containers of other programs stay untouched, and an orphan with our labels is removed',
    async () => {
      const health = await call('GET', '/healthz')
      const labels = {
        'molecule.control_plane': health.body['control_plane'] as string,
        'molecule.workspace_id': crypto.randomUUID(),
        'molecule.generation': '1',
        'molecule.launch_id': crypto.randomUUID(),
        'molecule.machine': 'abcdefgh',
        'molecule.image': SAMPLE_IMAGE,
        'molecule.port': '10000',
        'molecule.cpus': '1',
        'molecule.memory_mb': '512',
      }
      const others = { ...labels, 'molecule.control_plane': crypto.randomUUID() }
      const make = (name: string, Labels: Record<string, string>) =>
        dockerd.api('POST', `/containers/create?name=${name}`, { Image: SAMPLE_IMAGE, Labels })
      await make('orphan', labels)
      await make('of-another-plane', others)
      await make('of-another-program', {})
      await vi.waitFor(async () => {
        const names = JSON.stringify(await dockerd.api('GET', '/containers/json?all=1'))
        expect(names).not.toContain('/orphan')
        expect(names).toContain('/of-another-plane')
        expect(names).toContain('/of-another-program')
      }, PATIENCE)
    },
    LONG_MS,
  )
})
