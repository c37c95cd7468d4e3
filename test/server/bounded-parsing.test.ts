// The connections to agents, when the headers of an answer are over the limit.
import { Agent } from 'undici'
import { expect, test } from 'vitest'
import { createBoundedConnector } from '../../functions/node/bounded-parsing.ts'
import { createTcpAgent, pour } from './tcp-agent.ts'

test.each([
  ['headers', 'HTTP/1.1 200 OK\r\n'],
  ['trailers', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n'],
])('answers with endless %s at the same time all fail, and later errors have a stack', async (_, head) => {
  const tcpAgent = createTcpAgent()
  await tcpAgent.listen()
  const dispatcher = new Agent({ connect: createBoundedConnector(5_000) })
  try {
    tcpAgent.setAnswer(({ socket }) => pour(socket, head, 'x-a: b\r\n'))
    const request = async () => {
      const { body } = await dispatcher.request({ origin: tcpAgent.url, path: '/', method: 'GET' })
      await body.text()
    }
    const code = 'UND_ERR_HEADERS_OVERFLOW'
    await Promise.all([1, 2, 3, 4].map(() => expect(request()).rejects.toMatchObject({ code })))
    expect(new Error('later').stack).toContain('bounded-parsing.test.ts')
  } finally {
    await dispatcher.destroy()
    await tcpAgent.refuse()
  }
})
