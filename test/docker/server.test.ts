// The whole server with CONTAINER_BACKEND=docker and a real daemon: what the tutorial does, over HTTP.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Dockerd, HAS_DOCKER, SAMPLE_IMAGE, startDockerd } from '../support/dockerd.ts'
import type { Json } from '../support/harness.ts'
import { createUsedServerFixture, type Server, startServer } from '../support/server.ts'

const TOKEN = 'the-token-of-the-docker-tests'
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
      RUNTIME_IMAGES: `langgraph=${SAMPLE_IMAGE},hermes=${SAMPLE_IMAGE},codex=localhost:1/nothing/here:1`,
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

  test('a workspace is created, answers, pauses, resumes, sleeps, is woken by a message, and is deleted', async () => {
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
      expect((await call('GET', `/workspaces/${id}`)).body).toMatchObject({ status: 'ready', generation: 2 })
    }, PATIENCE)
    expect(await say(id, 'again')).toContain('again')

    await call('DELETE', `/workspaces/${id}`)
    await vi.waitFor(async () => expect(await containersOf(id)).toEqual([]), PATIENCE)
  })
})
