// An agent that closes its idle connections while the next message is sent (github.com/different-ai/openwork/issues/5099,
// github.com/sozu-proxy/sozu/issues/1442): a message is answered or the caller learns that its delivery is unknown, and none is
// delivered twice.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createPostgresDatabase } from '../support/database.ts'
import { startProxiedWorkspace } from '../support/proxied-workspace.ts'

/** How long the agent keeps an idle connection; callers pause for about as long. */
const IDLE_MS = 5

test('messages that meet a connection that is being closed are never delivered twice', async () => {
  const arrived: string[] = []
  const agent = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      const [, id] = /"id":"([^"]*)"/.exec(text) ?? []
      if (id !== undefined) arrived.push(id)
      response.setHeader('content-type', 'application/json')
      const card = { name: 'closing', url: 'http://localhost:8000/' }
      response.end(JSON.stringify(id === undefined ? card : { jsonrpc: '2.0', id, result: {} }), () =>
        setTimeout(() => request.socket.destroy(), IDLE_MS),
      )
    })
  })
  await new Promise<void>((listening) => agent.listen(0, '127.0.0.1', listening))
  const { port } = agent.address() as AddressInfo
  const workspace = await startProxiedWorkspace(`http://127.0.0.1:${port}`, {
    databaseUrl: await createPostgresDatabase(),
  })
  const outcomes: string[] = []
  for (let at = 0; at < 60; at++) {
    const id = `message-${at}`
    const response = await fetch(`${workspace.url}${workspace.path}`, {
      method: 'POST',
      body: JSON.stringify({
        jsonrpc: '2.0',
        id,
        method: 'message/send',
        params: { message: { role: 'user', parts: [] } },
      }),
      headers: { 'content-type': 'application/json', ...workspace.headers },
    })
    const body = (await response.json()) as { id: string; error?: { data?: { delivered?: string } } }
    expect(body.id).toBe(id)
    outcomes.push(response.status === 200 ? 'answered' : `${response.status} ${body.error?.data?.delivered}`)
    await delay(IDLE_MS - 2 + (at % 5))
  }
  await workspace.stop()
  agent.closeAllConnections()
  agent.close()
  expect(new Set(arrived).size).toBe(arrived.length)
  expect(outcomes.filter((one) => one !== 'answered' && one !== '502 unknown')).toEqual([])
  expect(arrived.length).toBeGreaterThanOrEqual(outcomes.filter((one) => one === 'answered').length)
})
