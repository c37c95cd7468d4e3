// A2A messages while the network fails, on the real server and real sockets. The agent is a TCP listener that refuses,
// resets, stops midway or does not answer.
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { askRegion, type Json } from '../support/harness.ts'
import type { ProxiedWorkspace } from '../support/proxied-workspace.ts'
import { startInFrontOf, STREAM_HEAD } from './in-front-of-agent.ts'
import { type Arrival, createTcpAgent, ok, pour } from './tcp-agent.ts'

const agent = createTcpAgent()
let server: ProxiedWorkspace
beforeAll(async () => {
  server = await startInFrontOf(agent, { A2A_MAX_BODY_BYTES: '20000', A2A_SILENCE_SECONDS: '2' })
})
afterAll(async () => {
  await server.stop()
  if (agent.isListening) await agent.refuse()
})
beforeEach(() => {
  agent.arrivals.length = 0
  agent.setAnswer(ok)
})
afterEach(async () => {
  if (!agent.isListening) await agent.listen()
})

type Failure = { id: unknown; error: { code: number; data: Json } }

const send = (body: unknown = askRegion(7), init: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${server.port}${server.path}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
    headers: { 'content-type': 'application/json', ...server.headers, ...(init.headers as Json | undefined) },
  })

/** Sends bytes as they are, and returns all that the server answers. */
const sendRaw = (port: number, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.setEncoding('latin1').on('data', (chunk: string) => void (answer += chunk))
    socket.on('end', () => resolve(answer)).on('error', reject)
  })

describe('a message', () => {
  test('a message to an agent that is not listening yet is delivered once, when it listens', async () => {
    await agent.refuse()
    const answered = send()
    await delay(400)
    await agent.listen()
    expect((await answered).status).toBe(200)
    expect(agent.arrivals).toHaveLength(1)
  })

  test('a message to an absent agent is refused as not delivered, with a retry time', async () => {
    await agent.refuse()
    const response = await send()
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('5')
    expect(await response.json()).toMatchObject({
      id: 7,
      error: { code: -32603, data: { reason: 'AGENT_UNREACHABLE', delivered: 'no', retry_after: 5 } },
    })
  })

  test('a message whose connection breaks after sending is never sent again', async () => {
    agent.setAnswer(({ socket }) => socket.resetAndDestroy())
    const response = await send()
    expect(response.status).toBe(502)
    expect(((await response.json()) as Failure).error.data).toEqual({
      reason: 'AGENT_CONNECTION_LOST',
      delivered: 'unknown',
    })
    expect(agent.arrivals).toHaveLength(1)
  })

  test('a read-only request is sent again', async () => {
    agent.setAnswer((arrival) => {
      if (agent.arrivals.length === 1) arrival.socket.resetAndDestroy()
      else ok(arrival)
    })
    const response = await send({ jsonrpc: '2.0', id: 1, method: 'tasks/get', params: { id: 't' } })
    expect(response.status).toBe(200)
    expect(agent.arrivals).toHaveLength(2)
  })

  test('a message to a silent agent times out, and its connection ends', async () => {
    agent.setAnswer(() => {})
    const response = await send()
    expect(response.status).toBe(504)
    expect(((await response.json()) as Failure).error.data).toMatchObject({
      reason: 'AGENT_TIMEOUT',
      delivered: 'unknown',
    })
    await agent.arrivals[0]?.closed
  })

  test.each([
    ['headers that never end', 'HTTP/1.1 200 OK\r\n', 'x-a: b\r\n'],
    ['interim responses that never end', '', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
  ])('%s end the exchange with the agent', async (_, head, piece) => {
    agent.setAnswer(({ socket }) => pour(socket, head, piece))
    const response = await send()
    expect(((await response.json()) as Failure).error.data).toMatchObject({ reason: 'AGENT_CONNECTION_LOST' })
    await agent.arrivals[0]?.closed
  })

  test('an empty answer is reported as an empty answer', async () => {
    agent.setAnswer(({ socket }) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'))
    const response = await send()
    expect(response.status).toBe(502)
    const { error } = (await response.json()) as Failure
    expect(error).toMatchObject({
      message: 'the agent answered HTTP 200 with an empty body',
      data: { reason: 'INVALID_AGENT_RESPONSE', delivered: 'yes', agent_status: '200' },
    })
  })

  test('an answer without a content type is JSON if it begins like JSON', async () => {
    agent.setAnswer(({ socket }) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n {"a":1.0'))
    const response = await send()
    expect([response.status, await response.text()]).toEqual([200, ' {"a":1.0'])
  })

  test.each([
    ['dot segments', (path: string) => `${path}/../../../admin`],
    ['encoded dot segments', (path: string) => `${path}/%2e%2e/%2E%2E/admin`],
    ['an absolute form', (path: string) => `http://evil.example${path}/../admin`],
    ['a network path', (path: string) => `${path}//evil.example/admin`],
  ])('a request line with %s never reaches the agent', async (_what, target) => {
    const head = [
      `POST ${target(server.path)} HTTP/1.1`,
      'host: 127.0.0.1',
      ...Object.entries(server.headers).map((pair) => pair.join(': ')),
      'content-type: application/json',
      'content-length: 2',
      'connection: close',
    ]
    const answered = await sendRaw(server.port, `${head.join('\r\n')}\r\n\r\n{}`)
    expect(answered).toMatch(/^HTTP\/1\.1 4/)
    expect(agent.arrivals).toEqual([])
  })

  test('a header named __proto__ reaches the agent like others', async () => {
    const body = JSON.stringify(askRegion(7))
    const head = [
      `POST ${server.path} HTTP/1.1`,
      'host: 127.0.0.1',
      ...Object.entries(server.headers).map((pair) => pair.join(': ')),
      'content-type: application/json',
      '__proto__: one',
      'constructor: two',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
    ]
    expect(await sendRaw(server.port, `${head.join('\r\n')}\r\n\r\n${body}`)).toMatch(/^HTTP\/1\.1 200/)
    expect(agent.arrivals[0]?.head.toLowerCase()).toContain('\r\n__proto__: one\r\n')
    expect(agent.arrivals[0]?.head.toLowerCase()).toContain('\r\nconstructor: two\r\n')
  })

  test('a message that is too large is refused by its declared length or while it is read', async () => {
    const declared = await send('x'.repeat(30_000))
    expect(declared.status).toBe(413)
    expect(await declared.json()).toMatchObject({ id: null, error: { data: { reason: 'BODY_TOO_LARGE' } } })
    // Without a length, on another connection: the answer comes while the request is still being sent.
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(server.port, '127.0.0.1')
      let text = ''
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        if (!text.endsWith('}')) return
        resolve(text)
        socket.destroy()
      })
      socket.on('error', reject)
      const headers = Object.entries(server.headers).map(([name, value]) => `${name}: ${value}\r\n`)
      socket.write(
        `POST ${server.path} HTTP/1.1\r\nhost: localhost\r\n${headers.join('')}content-type: application/json\r\n` +
          `transfer-encoding: chunked\r\n\r\n6000\r\n${'x'.repeat(0x6000)}\r\n`,
      )
    })
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
    expect(answer).toContain('BODY_TOO_LARGE')
    expect(agent.arrivals).toEqual([])
  })
})

describe('a body over the limit', () => {
  // Go's and Python's plain clients read nothing before they have written the whole request.
  test('a caller that writes all of a large body before it reads gets the refusal with its id', async () => {
    const filler = Buffer.alloc(3_000_000, 'x').toString()
    const body = `{"params":{"id":"inner","filler":"${filler}"},"method":"SendMessage","id":"last"}`
    const head = [
      `POST ${server.path} HTTP/1.1`,
      'host: 127.0.0.1',
      ...Object.entries(server.headers).map((pair) => pair.join(': ')),
      'content-type: application/json',
    ]
    const request = `${head.join('\r\n')}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(server.port, '127.0.0.1')
      let text = ''
      socket.pause().on('error', reject)
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        // The connection carries the next request, which is the last one.
        if (/^HTTP[^]*}$/.test(text) && text.match(/HTTP\//g)?.length === 1)
          socket.write(`${head.join('\r\n')}\r\nconnection: close\r\n\r\n`)
      })
      socket.write(request, () => socket.resume())
      socket.on('close', () => resolve(text))
    })
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200'])
    expect(answer).toContain('"id":"last"')
    expect(answer).toContain('"@type":"type.googleapis.com/google.rpc.ErrorInfo"')
  })
})

describe('an answer', () => {
  test("an answer that breaks off midway breaks the caller's connection", async () => {
    agent.setAnswer(({ socket }) => {
      socket.write(
        'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"jsonrpc"',
        () => setTimeout(() => socket.destroy(), 50),
      )
    })
    const response = await send()
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow(TypeError)
  })

  test.each([
    ['between two events', 'data: {"n":1}\n\n', ''],
    ['between two events with CRLF', 'data: {"n":1}\r\n\r\n', ''],
    ['within an event', 'data: {"n":1}\n\ndata: {"n"', '\n\n'],
  ])('a stream that breaks off %s ends with an error event for the caller', async (_where, sent, gap) => {
    agent.setAnswer(({ socket }) => {
      socket.write(STREAM_HEAD.replace('close', 'keep-alive\r\ntransfer-encoding: chunked'))
      socket.write(`${Buffer.byteLength(sent).toString(16)}\r\n${sent}\r\n`, () =>
        setTimeout(() => socket.destroy(), 50),
      )
    })
    const response = await send({ ...askRegion('s'), method: 'message/stream' })
    const text = await response.text()
    expect(text.startsWith(`${sent}${gap}data: `)).toBe(true)
    expect(JSON.parse(text.slice(sent.length + gap.length + 6))).toMatchObject({
      jsonrpc: '2.0',
      id: 's',
      error: { code: -32603, data: { reason: 'AGENT_CONNECTION_LOST', delivered: 'yes' } },
    })
  })

  test('a silent stream ends with an error event, and comments count as activity', async () => {
    agent.setAnswer(({ socket }) => {
      socket.write(`${STREAM_HEAD}data: {}\n\n`)
      let comments = 0
      const timer = setInterval(() => {
        socket.write(': here\n\n')
        if (++comments === 3) clearInterval(timer)
      }, 1_000)
    })
    const text = await (await send({ ...askRegion('s'), method: 'message/stream' })).text()
    expect(text).toMatch(/^data: {}\n\n(: here\n\n){3}data: .*AGENT_TIMEOUT.*"delivered":"yes".*\n\n$/)
  })
})

describe('a caller that disconnects', () => {
  const CLOSED_WITHIN_MS = 1_000
  const closedSoon = (arrival: Arrival | undefined) =>
    Promise.race([arrival?.closed.then(() => 'closed'), delay(CLOSED_WITHIN_MS, 'still open')])

  test('a caller that disconnects before the answer ends the request to the agent', async () => {
    agent.setAnswer(() => {})
    const disconnect = new AbortController()
    const request = send(askRegion(), { signal: disconnect.signal }).catch(() => {})
    await expect.poll(() => agent.arrivals.length).toBe(1)
    disconnect.abort()
    await request
    expect(await closedSoon(agent.arrivals[0])).toBe('closed')
    expect(agent.arrivals.map(({ body }) => (JSON.parse(body) as Json)['method'])).toEqual(['message/send'])
  })

  test('a caller that disconnects midway through a stream ends the request and cancels no task', async () => {
    agent.setAnswer(({ socket }) => socket.write(`${STREAM_HEAD}data: {}\n\n`))
    const disconnect = new AbortController()
    const response = await send({ ...askRegion(), method: 'message/stream' }, { signal: disconnect.signal })
    await response.body?.getReader().read()
    disconnect.abort()
    expect(await closedSoon(agent.arrivals[0])).toBe('closed')
    expect(agent.arrivals).toHaveLength(1)
  })
})
