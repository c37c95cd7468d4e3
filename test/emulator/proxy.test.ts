// How the emulated Fly Proxy passes requests and answers on, and how it fails.

import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import { watchIdle } from '../../lib/emulator/proxy/idle-timeout.ts'
import { pause, seen, startFly, WEB_SERVICE } from '../support/emulator.ts'
import type { Fly, Json } from '../support/emulator.ts'

const ask = (
  fly: Fly,
  path = '/',
  headers: Record<string, string> = {},
  init: RequestInit = {},
): Promise<Response> => fly.emulator.proxy(new Request(`https://demo.fly.dev${path}`, { ...init, headers }))

const force = (machine: Json): Record<string, string> => ({ 'fly-force-instance-id': machine.id })

describe('failures', () => {
  test('a closed port answers 502 after the proxy timeout', async () => {
    const fly = await startFly({ timings: { proxyTimeoutMs: 60 } })
    const loopback = await fly.started({ image: 'loopback', services: [WEB_SERVICE] })
    const closed = await fly.started({ services: [{ ...WEB_SERVICE, internal_port: 9999 }] })
    for (const machine of [loopback, closed]) {
      const reply = await ask(fly, '/', force(machine))
      expect(reply.status).toBe(502)
      expect(reply.headers.get('content-type')).toBeNull()
    }
  })

  test('a request without a candidate is held for the proxy timeout and answers an empty 502', async () => {
    const fly = await startFly({ timings: { proxyTimeoutMs: 120 } })
    const begin = performance.now()
    const reply = await ask(fly)
    expect(performance.now() - begin).toBeGreaterThan(100)
    expect([reply.status, await reply.text()]).toEqual([502, ''])
    expect(reply.headers.get('content-type')).toBeNull()
  })

  test('a request without a candidate is served when a machine becomes one meanwhile', async () => {
    const fly = await startFly({ timings: { proxyTimeoutMs: 5000 } })
    const reply = ask(fly)
    await fly.started({ services: [WEB_SERVICE] })
    expect((await reply).status).toBe(200)
  })

  test('a program that breaks the connection causes a 502', async () => {
    const fly = await startFly()
    const machine = await fly.started({ services: [WEB_SERVICE], restart: { policy: 'no' } })
    expect((await ask(fly, '/throw')).status).toBe(502)
    const hanging = ask(fly, '/hang')
    await pause(20)
    await fly.call('POST', `${fly.machines}/${machine.id}/signal`, { signal: 9 })
    expect((await hanging).status).toBe(502)
  })

  test('an error response of the program is passed on unchanged', async () => {
    const fly = await startFly()
    await fly.started({ services: [WEB_SERVICE] })
    const reply = await ask(fly, '/bad')
    expect([reply.status, await reply.text()]).toEqual([500, 'bad'])
  })
})

describe('forwarding', () => {
  test('the proxy adds its headers to the request and to the response', async () => {
    const fly = await startFly()
    await fly.started({ services: [WEB_SERVICE] })
    const reply = await ask(fly, '/path?q=1', { 'x-mine': 'kept', connection: 'keep-alive' })
    const { request } = seen.at(-1) ?? expect.fail('nothing arrived')
    expect(request.url).toBe('http://demo.fly.dev/path?q=1')
    expect(Object.fromEntries(request.headers)).toMatchObject({
      'x-mine': 'kept',
      'fly-client-ip': '127.0.0.1',
      'fly-region': 'iad',
      'fly-forwarded-port': '443',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
      'x-forwarded-ssl': 'on',
    })
    expect(request.headers.has('connection')).toBe(false)
    expect(reply.headers.get('fly-request-id')).toBeTruthy()
  })

  test('a stream arrives piece by piece, and breaks when its machine is destroyed', async () => {
    const fly = await startFly()
    const machine = await fly.started({ services: [WEB_SERVICE] })
    const reader = (await ask(fly, '/stream')).body?.getReader() ?? expect.fail('no body')
    for (let i = 0; i < 3; i++) expect(new TextDecoder().decode((await reader.read()).value)).toBe('tick\n')
    await fly.call('DELETE', `${fly.machines}/${machine.id}?force=true`)
    await expect(
      (async () => {
        while (!(await reader.read()).done);
      })(),
    ).rejects.toThrow()
  })

  test('the proxy cuts a request on which no byte moves for idle_timeout', async () => {
    const fly = await startFly()
    const ports = [{ port: 443, handlers: ['tls', 'http'], http_options: { idle_timeout: 0.05 } }]
    await fly.started({ services: [{ ...WEB_SERVICE, ports }] })
    expect((await ask(fly, '/hang')).status).toBe(502)
    const reader = (await ask(fly, '/stream')).body?.getReader() ?? expect.fail('no body')
    for (let i = 0; i < 6; i++) expect((await reader.read()).done).toBe(false)
    await reader.cancel()
  })

  test('a slow reader gets an error when the machine was destroyed meanwhile', async () => {
    const fly = await startFly()
    const machine = await fly.started({ services: [WEB_SERVICE] })
    const reply = await ask(fly, '/stream')
    await fly.call('DELETE', `${fly.machines}/${machine.id}?force=true`)
    await fly.wait(machine.id, 'destroyed')
    await expect(reply.text()).rejects.toThrow()
  })

  test('a held request answers 503 when the emulator closes', async () => {
    const fly = await startFly({ timings: { bootMs: 10_000, proxyTimeoutMs: 10_000 } })
    await fly.create({ services: [WEB_SERVICE] })
    const reply = ask(fly)
    await pause(20)
    await fly.emulator.close()
    expect((await reply).status).toBe(503)
  })

  test('a held request ends when its client disconnects', async () => {
    const fly = await startFly({ timings: { bootMs: 200 } })
    await fly.create({ services: [WEB_SERVICE] })
    const reply = ask(fly, '/', {}, { signal: AbortSignal.timeout(20) })
    await expect(reply).rejects.toThrow(/timeout|abort/i)
  })
})

test.each(['is read', 'is given up'])('nothing of an exchange is kept after its body %s', async (end) => {
  const client = new AbortController()
  const exchange = watchIdle({ after: () => () => {} }, 1_000, client.signal)
  const body = exchange.watch(new Blob(['answer']).stream(), () => {})
  expect(getEventListeners(exchange.signal, 'abort')).toHaveLength(1)
  await (end === 'is read' ? new Response(body).text() : body.cancel())
  expect(getEventListeners(exchange.signal, 'abort')).toEqual([])
})
