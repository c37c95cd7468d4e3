// Standard Webhooks with the library of the standard in Python: it signs deliveries to our hooks, and verifies ours
// (github.com/standard-webhooks/standard-webhooks, libraries/python).
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createServerFixture, type Server, startServer } from '../../support/server.ts'
import { hasPart, runForeignClient } from './parts.ts'

describe.skipIf(!hasPart('python-1'))('the Python library', () => {
  let fixture: Awaited<ReturnType<typeof createServerFixture>>
  let server: Server
  beforeAll(async () => {
    fixture = await createServerFixture()
    server = await startServer(fixture.settings)
  })
  afterAll(async () => {
    await server?.end('SIGTERM')
    fixture?.remove()
  })

  test('a delivery that it signs is taken once', async () => {
    const { body: workspace } = await server.call<{ id: string }>('/workspaces', {
      method: 'POST',
      headers: { prefer: 'wait=60' },
      json: { name: 'a' },
    })
    const path = `/workspaces/${workspace.id}/hooks`
    const hook = await server.call<{ secret: string; url: string }>(path, {
      method: 'POST',
      json: { name: 'python', scheme: 'standard' },
    })
    const body = JSON.stringify({ type: 'invoice.paid', text: 'ü ☎' })
    const signed = await runForeignClient('python-1', 'clients/webhooks.py', [
      'sign',
      hook.body.secret,
      'msg_py',
      body,
    ])
    const { headers } = (signed as unknown as { result: { headers: Record<string, string> } }).result
    const deliver = () =>
      fetch(hook.body.url, {
        method: 'POST',
        body,
        headers: { ...headers, 'content-type': 'application/json' },
      })
    const first = await deliver()
    expect([first.status, await first.json()]).toEqual([
      202,
      expect.objectContaining({ queued: true, duplicate: false }),
    ])
    expect(await (await deliver()).json()).toMatchObject({ duplicate: true })
  })

  test('it verifies a delivery to an endpoint', async () => {
    let arrived: ((delivery: { headers: Record<string, string>; body: string }) => void) | undefined
    const delivery = new Promise<{ headers: Record<string, string>; body: string }>(
      (resolve) => (arrived = resolve),
    )
    const receiver = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        arrived?.({ headers: request.headers as Record<string, string>, body })
        response.end()
      })
    })
    await new Promise<void>((listening) => receiver.listen(0, '127.0.0.1', listening))
    const { port } = receiver.address() as AddressInfo
    const endpoint = await server.call<{ secret: string }>('/webhook-endpoints', {
      method: 'POST',
      json: { url: `http://127.0.0.1:${port}/hook`, types: ['workspace_created'] },
    })
    await server.call('/workspaces', { method: 'POST', json: { name: 'b' } })
    const verified = await runForeignClient('python-1', 'clients/webhooks.py', [
      'verify',
      endpoint.body.secret,
      JSON.stringify(await delivery),
    ])
    receiver.close()
    expect(verified).toMatchObject({ result: { name: 'verified', payload: { type: 'workspace_created' } } })
  })
})
