// MOLECULE_COMPAT: `/ws`, the live channel of Molecule's canvas, over real WebSockets (docs/facts/molecule.md §8.3).
import { describe, expect, onTestFinished, vi } from 'vitest'
import { createApp } from '../../functions/app.ts'
import { listen } from '../../functions/node/http-server.ts'
import { acceptSocket } from '../../functions/node/web-sockets.ts'
import { askRegion, createHarness, type Harness, type HarnessOptions, type Json } from '../support/harness.ts'
import { testInProcess } from '../support/control-plane.ts'

const ADMIN = 'the-administrators-own-token-0001'
const PATIENCE = { timeout: 30_000, interval: 20 }

const REASON = 'the test starts a listener of Node'

/** A control plane behind a listener of its own. */
async function startListener(options: HarnessOptions): Promise<{ h: Harness; url: string }> {
  const h = await createHarness(options)
  const app = createApp(h.services, { loopback: true }, { acceptSocket })
  const background = {
    waitUntil: (work: Promise<unknown>) => void work,
    passThroughOnException() {},
    props: {},
  }
  const listener = await listen((request, env) => app.fetch(request, env, background), {
    host: '127.0.0.1',
    port: 0,
    setting: 'a test',
  })
  onTestFinished(async () => {
    await listener.close(0)
    await h.close()
  })
  return { h, url: `ws://127.0.0.1:${listener.port}` }
}

type Channel = { messages: Json[]; closed: { code: number; reason: string } | undefined; socket: WebSocket }

/** @throws Error when the connection is refused */
async function connect(url: string): Promise<Channel> {
  const socket = new WebSocket(url)
  const channel: Channel = { messages: [], closed: undefined, socket }
  socket.addEventListener('message', ({ data }) => channel.messages.push(JSON.parse(String(data)) as Json))
  socket.addEventListener('close', ({ code, reason }) => (channel.closed = { code, reason }))
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve())
    socket.addEventListener('error', () => reject(new Error('refused')))
  })
  onTestFinished(() => socket.close())
  return channel
}

const namesOf = ({ messages }: Channel, id: string) =>
  messages.filter((one) => one['workspace_id'] === id).map((one) => one['event'])

describe('the live channel', () => {
  testInProcess(
    REASON,
    'a client sees what happens to workspaces, under the names and with the members that the canvas reads',
    async () => {
      const { h, url } = await startListener({ env: { MOLECULE_COMPAT: 'true' } })
      const channel = await connect(`${url}/ws`)
      const { id } = await h.createWorkspace({ name: 'watched' })
      await vi.waitFor(() => expect(namesOf(channel, id)).toContain('WORKSPACE_ONLINE'), PATIENCE)
      expect(channel.messages[0]).toEqual({
        event: 'WORKSPACE_PROVISIONING',
        workspace_id: id,
        timestamp: expect.stringMatching(/^\d{4}-.*Z$/) as string,
        seq: expect.any(Number) as number,
        payload: expect.objectContaining({ name: 'watched', tier: 2, runtime: 'hermes' }) as Json,
      })
      expect(channel.messages.find((one) => one['event'] === 'WORKSPACE_ONLINE')?.['payload']).toMatchObject({
        status: 'online',
      })
      const json = { workspace_id: id, agent_card: { name: 'another card', skills: [] } }
      await h.request('/registry/update-card', { method: 'POST', json })
      await h.request(`/workspaces/${id}`, { method: 'DELETE' })
      await vi.waitFor(() => expect(namesOf(channel, id)).toContain('WORKSPACE_REMOVED'), PATIENCE)
      const changed = channel.messages.findLast((one) => one['event'] === 'AGENT_CARD_UPDATED')
      expect(changed?.['payload']).toMatchObject({ agent_card: { name: expect.any(String) as string } })
    },
  )

  testInProcess(
    REASON,
    'a client that sends the number of its last event misses none and gets none twice',
    async () => {
      const { h, url } = await startListener({ env: { MOLECULE_COMPAT: 'true' } })
      const first = await connect(`${url}/ws`)
      const { id } = await h.createWorkspace()
      await vi.waitFor(() => expect(namesOf(first, id)).toContain('WORKSPACE_ONLINE'), PATIENCE)
      first.socket.close()
      await vi.waitFor(() => expect(first.closed).toBeDefined(), PATIENCE)
      await h.request(`/workspaces/${id}/pause`, { method: 'POST' })
      const second = await connect(`${url}/ws?after=${String(first.messages.at(-1)?.['seq'])}`)
      await vi.waitFor(() => expect(namesOf(second, id)).toEqual(['WORKSPACE_PAUSED']), PATIENCE)
      await expect(connect(`${url}/ws?after=yesterday`)).rejects.toThrow('refused')
    },
  )

  testInProcess(
    REASON,
    'a client needs a token where the API needs one, and an agent sees its own events only',
    async () => {
      const { h, url } = await startListener({ env: { MOLECULE_COMPAT: 'true', ADMIN_TOKEN: ADMIN } })
      const headers = { authorization: `Bearer ${ADMIN}`, prefer: 'wait=20' }
      const make = async (name: string) =>
        String((await h.request('/workspaces', { method: 'POST', headers, json: { name } })).body['id'])
      await expect(connect(`${url}/ws`)).rejects.toThrow('refused')
      await expect(connect(`${url}/ws?token=wrong`)).rejects.toThrow('refused')
      const own = await make('own')
      const other = await make('other')
      const all = await connect(`${url}/ws?token=${ADMIN}`)
      const agent = await connect(`${url}/ws?token=${await h.tokenOf(own)}`)
      for (const id of [other, own]) await h.request(`/workspaces/${id}/pause`, { method: 'POST', headers })
      await vi.waitFor(() => expect(namesOf(agent, own)).toContain('WORKSPACE_PAUSED'), PATIENCE)
      await vi.waitFor(() => expect(namesOf(all, own)).toContain('WORKSPACE_PAUSED'), PATIENCE)
      expect(namesOf(all, other)).toContain('WORKSPACE_PAUSED')
      expect(namesOf(agent, other)).toEqual([])
    },
  )

  testInProcess(
    REASON,
    'messages to people, tasks, activities and answers are seen live, and an agent sees its own only',
    async () => {
      const { h, url } = await startListener({ env: { MOLECULE_COMPAT: 'true' } })
      const { id } = await h.createWorkspace({ name: 'talker' })
      const other = await h.createWorkspace({ name: 'other' })
      const channel = await connect(`${url}/ws`)
      const closed = await connect(`${url}/ws?token=${await h.tokenOf(other.id)}`)
      const payloads = (event: string) =>
        channel.messages
          .filter((one) => one['event'] === event && one['workspace_id'] === id)
          .map((one) => one['payload'])
      const headers = { authorization: `Bearer ${await h.tokenOf(id)}` }
      const post = (path: string, json: unknown) => h.request(path, { method: 'POST', headers, json })
      const file = { uri: 'workspace:/workspace/a.txt', name: 'a.txt' }
      // The channel tells what happens from its first read on.
      await vi.waitFor(async () => {
        await post(`/workspaces/${id}/notify`, { message: 'done', attachments: [file] })
        expect(payloads('AGENT_MESSAGE').length).toBeGreaterThan(0)
      }, PATIENCE)
      expect(payloads('AGENT_MESSAGE')[0]).toEqual({
        workspace_id: id,
        name: 'talker',
        message: 'done',
        attachments: [expect.objectContaining(file)],
      })
      await post(`/workspaces/${id}/activity`, { activity_type: 'agent_log', summary: 'thinking' })
      await post('/registry/heartbeat', { workspace_id: id, active_tasks: 1, current_task: 'count' })
      const log = { activity_type: 'agent_log', summary: 'thinking', status: 'ok' }
      await vi.waitFor(
        () => expect(payloads('ACTIVITY_LOGGED')).toContainEqual(expect.objectContaining(log)),
        PATIENCE,
      )
      await vi.waitFor(
        () => expect(payloads('TASK_UPDATED')).toContainEqual({ active_tasks: 1, current_task: 'count' }),
        PATIENCE,
      )
      await h.request(`/workspaces/${id}/a2a`, {
        method: 'POST',
        headers: { prefer: 'respond-async' },
        json: askRegion(),
      })
      await vi.waitFor(
        () =>
          expect(payloads('A2A_RESPONSE')).toContainEqual(
            expect.objectContaining({
              method: 'message/send',
              response_body: expect.objectContaining({ result: expect.anything() as Json }) as Json,
            }),
          ),
        PATIENCE,
      )
      expect(closed.messages.filter((one) => one['workspace_id'] === id)).toEqual([])
    },
  )

  testInProcess(REASON, 'the channel of a token that is revoked ends, with a code that says so', async () => {
    const { h, url } = await startListener({ env: { MOLECULE_COMPAT: 'true', ADMIN_TOKEN: ADMIN } })
    const headers = { authorization: `Bearer ${ADMIN}` }
    const json = { name: 'a page', scopes: ['read'] }
    const { body } = await h.request('/tokens', { method: 'POST', headers, json })
    const channel = await connect(`${url}/ws?token=${String(body['token'])}`)
    await h.request(`/tokens/${String(body['id'])}`, { method: 'DELETE', headers })
    await vi.waitFor(
      async () => {
        await h.request('/workspaces', { method: 'POST', headers, json: { name: 'something happens' } })
        expect(channel.closed).toMatchObject({ code: 4401 })
      },
      { timeout: 30_000, interval: 500 },
    )
  })

  testInProcess(
    REASON,
    'there is none without MOLECULE_COMPAT, and a request without a WebSocket is refused',
    async () => {
      const plain = await startListener({})
      await expect(connect(`${plain.url}/ws`)).rejects.toThrow('refused')
      expect((await plain.h.request('/ws')).status).toBe(404)
      const compat = await startListener({ env: { MOLECULE_COMPAT: 'true' } })
      expect((await compat.h.request('/ws')).status).toBe(400)
    },
  )

  testInProcess(REASON, 'a terminal says what to do instead, and closes with a reason', async () => {
    const { h, url } = await startListener({ env: { MOLECULE_COMPAT: 'true' } })
    const { id } = await h.createWorkspace()
    const socket = new WebSocket(`${url}/workspaces/${id}/terminal`)
    const seen: string[] = []
    socket.addEventListener('message', ({ data }) => seen.push(String(data)))
    const { code, reason } = await new Promise<CloseEvent>((resolve) =>
      socket.addEventListener('close', resolve),
    )
    expect([code, reason]).toEqual([4501, expect.stringContaining('exec')])
    expect(seen.join('')).toContain('molecule-fly exec')
  })
})
