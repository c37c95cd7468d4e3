// The responses to stored messages: how they are stored and who can read them.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Harness } from '../support/harness.ts'
import {
  ADMIN,
  MESSAGE_SETTINGS,
  envelope,
  messageClient,
  type MessageView,
  pathOf,
} from '../support/stored-messages.ts'
import { createGate } from '../support/scripted-agent.ts'
import { useScriptedHarness } from '../support/scripted-harness.ts'

const { harness, scriptedAgent } = useScriptedHarness(MESSAGE_SETTINGS)

let h: Harness
let agent: string
const { create, tokenOf, post, send, sendUndelivered, read, stateOf, finished } = messageClient(() => h)
beforeAll(async () => {
  h = harness()
  agent = await create()
})

describe('responses', () => {
  const answered = async (answer: () => Response) => {
    scriptedAgent.answer = answer
    const path = await send(agent)
    return { path, view: await finished(path) }
  }
  const raw = (path: string) => h.fetchRaw(`${path}/response`, { headers: ADMIN })

  test('the response is stored byte for byte, with its status and content type', async () => {
    const text = '{ "jsonrpc":"2.0","id":1, "result":{"n":1.0,"é":9007199254740993} }'
    const type = 'application/json; charset=utf-8'
    const { path, view } = await answered(
      () => new Response(text, { status: 203, headers: { 'content-type': type } }),
    )
    expect(view).toMatchObject({ state: 'answered', response_status: 203 })
    const response = await raw(path)
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      203,
      type,
      text,
    ])
  })

  test('an error response of the agent counts as an answer', async () => {
    const error = { code: -32001, message: 'no such task' }
    const { path, view } = await answered(() =>
      Response.json({ jsonrpc: '2.0', id: 1, error }, { status: 500 }),
    )
    expect(view).toMatchObject({ state: 'answered', response_status: 500, response: { error } })
    expect((await raw(path)).status).toBe(500)
  })

  test('a response may be empty', async () => {
    const { path, view } = await answered(() => new Response(null, { status: 204 }))
    expect(view).toMatchObject({ state: 'answered', response_status: 204, response: '' })
    const response = await raw(path)
    expect([response.status, await response.text()]).toEqual([204, ''])
  })

  test('an HTML response is served as bytes, with a sandbox policy', async () => {
    const { path } = await answered(
      () => new Response('<script>', { status: 202, headers: { 'content-type': 'text/html' } }),
    )
    const { headers } = await raw(path)
    expect(headers.get('content-type')).toBe('application/octet-stream')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toBe('sandbox')
  })

  test('a response that is too large is not stored, and the message says so', async () => {
    const { path, view } = await answered(() => Response.json({ result: 'x'.repeat(60_000) }))
    expect(view).toMatchObject({
      state: 'failed',
      failure: { reason: 'INVALID_AGENT_RESPONSE', delivered: 'yes' },
    })
    expect((await raw(path)).status).toBe(404)
  })

  test('a response that announces that it is too large is not read', async () => {
    const { view } = await answered(() => {
      const unfinished = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) })
      const headers = { 'content-type': 'application/json', 'content-length': '60000' }
      return new Response(unfinished, { headers })
    })
    expect(view).toMatchObject({
      state: 'failed',
      failure: {
        reason: 'INVALID_AGENT_RESPONSE',
        message: 'the answer is larger than 50000 bytes (A2A_MAX_BODY_BYTES)',
        delivered: 'yes',
      },
    })
  })

  test('responses that together are larger than one may be are all stored', async () => {
    const gate = createGate()
    scriptedAgent.answer = async ({ text }) => {
      const rest = async (controller: ReadableStreamDefaultController) => {
        await gate.passed
        controller.enqueue(new TextEncoder().encode(`${'x'.repeat(20_000)}${text}"`))
        controller.close()
      }
      const start = (controller: ReadableStreamDefaultController) => {
        controller.enqueue(new TextEncoder().encode(`"${'x'.repeat(20_000)}`))
        void rest(controller)
      }
      return new Response(new ReadableStream({ start }), { headers: { 'content-type': 'application/json' } })
    }
    const texts = ['a', 'b', 'c', 'd']
    const paths = await Promise.all(texts.map((text) => send(agent, { text })))
    // The answers of three are over the limit, so the fourth message may wait for one of them to end.
    await expect.poll(() => scriptedAgent.arrivals.length).toBeGreaterThanOrEqual(3)
    gate.open()
    for (const [index, path] of paths.entries()) {
      expect(await finished(path)).toMatchObject({ state: 'answered' })
      expect(await (await raw(path)).json()).toBe(`${'x'.repeat(40_000)}${texts[index]}`)
    }
  })

  test('a response is 404 until the agent has answered', async () => {
    const path = await sendUndelivered(agent)
    expect(await read(`${path}/response`)).toMatchObject({
      status: 404,
      body: {
        error:
          "the message is queued and has no response yet: read the message with the header 'Prefer: wait=60'",
      },
    })
    expect((await read(path, { ...ADMIN, prefer: 'wait=0' })).body.state).toBe('queued')
    await h.deliver()
    expect(await stateOf(path)).toBe('answered')
  })
})

describe('reading', () => {
  test('a message is read by admins, its sender and its receiver, and by no other caller', async () => {
    const [sender, stranger] = [await create(), await create()]
    const { headers } = await post(agent, envelope(), await tokenOf(sender))
    const path = pathOf(headers.get('location'))
    await h.untilIdle()
    for (const url of [path, `${path}/response`]) {
      for (const reader of [ADMIN, await tokenOf(sender), await tokenOf(agent)])
        expect((await read(url, reader)).status).toBe(200)
      expect((await read(url, await tokenOf(stranger))).status).toBe(404)
      expect((await read(url, {})).status).toBe(401)
    }
    expect((await read(path)).body).toMatchObject({ source_id: sender })
    expect(scriptedAgent.arrivals[0]?.headers.get('x-workspace-id')).toBe(sender)
    // Messages of an admin are not visible to other callers of the same agent.
    expect((await read(await send(agent), await tokenOf(sender))).status).toBe(404)
    // A message is not found under a workspace that it was not sent to.
    expect((await read(path.replace(agent, sender))).status).toBe(404)
  })

  test('the list of messages is newest first, filtered by state, and without responses', async () => {
    const id = await create()
    const first = await send(id)
    await finished(first)
    await h.untilIdle()
    const second = await sendUndelivered(id)
    const list = async (query = '') =>
      (await h.request<MessageView[]>(`/workspaces/${id}/messages${query}`, { headers: ADMIN })).body
    expect((await list()).map(({ url }) => pathOf(url))).toEqual([second, first])
    expect((await list('?limit=1')).map(({ url }) => pathOf(url))).toEqual([second])
    expect((await list('?state=answered')).map(({ url }) => pathOf(url))).toEqual([first])
    expect(Object.keys((await list())[1] ?? {})).not.toContain('response')
    expect((await read(`/workspaces/${id}/messages`, await tokenOf(id))).status).toBe(200)
    expect((await read(`/workspaces/${id}/messages`, await tokenOf(agent))).status).toBe(404)
    expect((await read(`/workspaces/${crypto.randomUUID()}/messages`)).status).toBe(404)
  })

  test.each([
    ['message', 'messages/nonsense'],
    ['limit', 'messages?limit=0'],
    ['state', 'messages?state=lost'],
  ])('an invalid %s is refused by the name of the field: %s', async (field, path) => {
    expect(await read(`/workspaces/${agent}/${path}`)).toMatchObject({
      status: 400,
      body: { errors: [{ field }] },
    })
  })
})
