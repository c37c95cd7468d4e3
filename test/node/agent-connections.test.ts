// The connections to agents: which of them carry another request, what a broken one means, and that nothing is sent twice.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { createServer, getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createAgentTransport } from '../../functions/node/http-client/agent-transport.ts'
import type { AgentRequest, RequestControl } from '../../lib/a2a/transport/transport.ts'
import { createDockerCertificates } from '../support/docker-certificates.ts'
import { serve } from '../support/tcp-servers.ts'
import { createTcpAgent, ok, pour } from './tcp-agent.ts'

const agent = createTcpAgent()
let client: ReturnType<typeof createAgentTransport>
beforeAll(() => agent.listen())
afterAll(() => agent.refuse())
beforeEach(() => {
  client = createAgentTransport()
  agent.arrivals.length = 0
  agent.setAnswer(ok)
})
afterEach(() => client.close())

type Answer = { status: number; body: string; end: 'end' | 'refused' | 'lost' | 'silent'; cause?: unknown }

const BODY = Buffer.from('{"jsonrpc":"2.0"}')

const wanted = (changes: Partial<AgentRequest>): AgentRequest => ({
  origin: agent.url,
  path: '/',
  method: 'POST',
  headers: ['content-type', 'application/json'],
  body: BODY,
  silenceMs: 30_000,
  ...changes,
})

/** @param onData may control the request, as a caller does who is behind */
function send(
  changes: Partial<AgentRequest> = {},
  onData: (control: RequestControl, bytes: Uint8Array) => void = () => {},
): Promise<Answer> {
  return new Promise((resolve) => {
    const answer = { status: 0, body: '' }
    const control = client.transport(wanted(changes), {
      head: (status) => void (answer.status = status),
      data(bytes) {
        answer.body += Buffer.from(bytes).toString('latin1')
        onData(control, bytes)
      },
      end: () => resolve({ ...answer, end: 'end' }),
      failed: ({ cause, kind }) => resolve({ ...answer, end: kind, cause }),
    })
  })
}

const socketsUsed = () => new Set(agent.arrivals.map(({ socket }) => socket)).size

const answerWith = (text: string) => agent.setAnswer(({ socket }) => void socket.write(text))

describe('another request', () => {
  test('requests one after another use one connection, at the same time each its own', async () => {
    for (let at = 0; at < 3; at++) expect(await send()).toMatchObject({ status: 200, end: 'end' })
    expect(socketsUsed()).toBe(1)
    await Promise.all([send(), send(), send()])
    expect(socketsUsed()).toBe(3)
  })

  test.each([
    ['says so', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'],
    ['speaks HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['sends more than its response', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'],
    ['announces a body where there is none', 'HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n'],
    ['keeps it for a second only', 'HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 0\r\n\r\n'],
  ])('a connection is not used again when the agent %s', async (_, text) => {
    answerWith(text)
    expect(await send()).toMatchObject({ end: 'end' })
    answerWith('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}')
    expect(await send()).toMatchObject({ body: '{}', end: 'end' })
    expect(socketsUsed()).toBe(2)
  })

  test('a connection that the agent closed while it was unused loses no request', async () => {
    for (let at = 0; at < 20; at++) {
      expect(await send()).toMatchObject({ end: 'end' })
      const socket = agent.arrivals.at(-1)?.socket as Socket
      // Both happen in one turn of the event loop of this process.
      if (at % 2 === 0) socket.end()
      else socket.destroy()
      await once(socket, 'close')
    }
    expect(socketsUsed()).toBe(20)
  })

  test('bytes between two requests are not taken for a response', async () => {
    await send()
    const [first] = agent.arrivals
    first?.socket.write('HTTP/1.1 500 Surprise\r\ncontent-length: 0\r\n\r\n')
    await first?.closed
    expect(await send()).toMatchObject({ status: 200, end: 'end' })
  })

  test('the end of a response that comes while its caller is behind leaves the connection readable', async () => {
    const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'
    answerWith(chunked)
    for (let at = 0; at < 3; at++)
      expect(await send({}, (control) => control.pause())).toMatchObject({ body: '{}', end: 'end' })
    expect(socketsUsed()).toBe(1)
  })

  test('an unused connection is closed after some seconds', async () => {
    await send()
    await agent.arrivals[0]?.closed
  })
})

describe('a request', () => {
  test('a body of several slices arrives whole', async () => {
    const body = Buffer.alloc(1_000_000, 'abcdefghij')
    expect(await send({ body })).toMatchObject({ end: 'end' })
    expect(agent.arrivals[0]?.body).toBe(body.toString())
  })

  test('bytes that are no UTF-8 arrive as they are, and a length is announced', async () => {
    const body = Buffer.from([0x7b, 0xc3, 0xa9, 0x7d])
    await send({ body })
    expect(agent.arrivals[0]?.body).toBe('{é}')
    await send({ body: undefined })
    expect(agent.arrivals[1]?.head).toContain('content-length: 0')
    await send({ body: undefined, method: 'GET' })
    expect(agent.arrivals[2]?.head).not.toContain('content-length')
  })

  test('a response before the end of the request is passed on, and the connection ends', async () => {
    let hasEnded = false
    const port = await serve((socket) => {
      socket.on('close', () => (hasEnded = true))
      // It answers as soon as it has the headers, and reads on.
      socket.once('data', () => socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n{}'))
      socket.resume()
    })
    const body = Buffer.alloc(20_000_000)
    const answer = await send({ origin: `http://127.0.0.1:${port}`, body })
    expect(answer).toMatchObject({ status: 413, body: '{}', end: 'end' })
    await expect.poll(() => hasEnded).toBe(true)
  })

  test.each([
    ['path', { path: '/a b' }],
    ['path', { path: '/\r\nx: y' }],
    ['header', { headers: ['x', 'a\r\nb: c'] }],
    ['header', { headers: ['x y', 'a'] }],
    ['header', { headers: ['x', '€'] }],
  ])('a %s that would break the request is not sent: %j', async (name, changes) => {
    expect(await send(changes)).toMatchObject({
      end: 'refused',
      cause: { message: expect.stringContaining(name) },
    })
    expect(agent.arrivals).toHaveLength(0)
    expect(await send()).toMatchObject({ end: 'end' })
  })

  test('a request that is aborted before it was sent is not sent', async () => {
    const control = client.transport(wanted({ path: '/aborted' }), {
      head() {},
      data() {},
      end() {},
      failed() {},
    })
    control.abort()
    await send()
    expect(agent.arrivals.map(({ head }) => head.split(' ')[1])).toEqual(['/'])
  })
})

describe('a failure', () => {
  test('an agent that nobody answers for was not reached', async () => {
    const absent = createTcpAgent()
    await absent.listen()
    const origin = absent.url
    await absent.refuse()
    expect(await send({ origin })).toMatchObject({ end: 'refused', cause: { code: 'ECONNREFUSED' } })
  })

  test('a connection that breaks after the request is lost, with what came before', async () => {
    agent.setAnswer(({ socket }) => void socket.destroy())
    expect(await send()).toMatchObject({ status: 0, end: 'lost' })
    agent.setAnswer(({ socket }) => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"a'))
    expect(await send()).toMatchObject({ status: 200, body: '{"a', end: 'lost' })
    agent.setAnswer(({ socket }) => void socket.end('HTTP/1.1 200 OK\r\n\r\n{"a'))
    expect(await send()).toMatchObject({ status: 200, body: '{"a', end: 'end' })
  })

  test('an agent is silent when neither headers nor a body come, however slowly it sends headers', async () => {
    agent.setAnswer(() => {})
    expect(await send({ silenceMs: 300 })).toMatchObject({ status: 0, end: 'silent' })
    agent.setAnswer(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      const timer = setInterval(() => socket.write('a: b\r\n'), 50)
      socket.on('close', () => clearInterval(timer))
    })
    expect(await send({ silenceMs: 300 })).toMatchObject({ status: 0, end: 'silent' })
    answerWith('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{')
    expect(await send({ silenceMs: 300 })).toMatchObject({ body: '{', end: 'silent' })
  })

  test('an agent is not silent while its caller is behind', async () => {
    answerWith('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n{')
    const answered = send({ silenceMs: 300 }, (control, bytes) => {
      if (bytes.length > 1) return
      control.pause()
      setTimeout(() => {
        control.resume()
        agent.arrivals[0]?.socket.write('  }')
      }, 1_500)
    })
    expect(await answered).toMatchObject({ body: '{  }', end: 'end' })
  })

  test.each([
    ['headers', 'HTTP/1.1 200 OK\r\n', 'x-a: b\r\n'],
    ['trailers', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n', 'x-a: b\r\n'],
    ['interim responses', '', 'HTTP/1.1 102 Processing\r\n\r\n'],
  ])(
    'answers with endless %s at the same time all fail, and their connections end',
    async (_, head, piece) => {
      agent.setAnswer(({ socket }) => pour(socket, head, piece))
      const answers = await Promise.all([1, 2, 3, 4].map(() => send()))
      for (const answer of answers)
        expect(answer).toMatchObject({ end: 'lost', cause: { name: 'InvalidResponse' } })
      await Promise.all(agent.arrivals.map(({ closed }) => closed))
    },
  )

  test('a receiver that fails ends its own request, and nothing else', async () => {
    const failing = send({}, () => {
      throw new Error('a mistake of the receiver')
    })
    expect(await failing).toMatchObject({ end: 'lost', cause: { message: 'a mistake of the receiver' } })
    expect(await send()).toMatchObject({ end: 'end' })
  })

  test('requests after the end of the client are refused', async () => {
    await send()
    await client.close()
    expect(await send()).toMatchObject({ end: 'refused' })
  })
})

describe('over TLS', () => {
  const certificates = createDockerCertificates()
  const trusted = getCACertificates()
  const file = (name: string) => readFileSync(join(certificates.directory, name), 'utf8')
  const identity = { cert: file('server-cert.pem'), key: file('server-key.pem') }
  const server = createServer(identity, (socket) => {
    socket.on('error', () => {})
    socket.on('data', () => {
      resumed.push(socket.isSessionReused())
      socket.write('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}')
    })
  })
  const resumed: boolean[] = []
  let origin: string
  beforeAll(async () => {
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(() => setDefaultCACertificates(trusted))
  afterAll(async () => {
    await new Promise((closed) => server.close(closed))
    certificates.remove()
  })

  test('an agent with a trusted certificate answers, and later connections resume the session', async () => {
    setDefaultCACertificates([...trusted, file('ca.pem')])
    for (let at = 0; at < 3; at++) expect(await send({ origin })).toMatchObject({ body: '{}', end: 'end' })
    expect(resumed).toEqual([false, true, true])
  })

  test('an agent with a certificate that is not trusted is not reached', async () => {
    expect(await send({ origin })).toMatchObject({ end: 'refused', cause: { code: expect.any(String) } })
  })

  test('an agent that does not speak TLS is not reached, at once or after five seconds', async () => {
    const ports = [
      await serve((socket) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')),
      await serve(() => {}),
    ]
    const both = ports.map((port) => send({ origin: `https://127.0.0.1:${port}` }))
    expect(await Promise.all(both)).toMatchObject([{ end: 'refused' }, { end: 'refused' }])
  })
})
