// Which machine a request to the emulated Fly Proxy reaches.

import { describe, expect, test } from 'vitest'
import { ConnectionLost } from '../../lib/emulator/shared/connection-lost.ts'
import { eventually, seen, startFly, WEB_SERVICE } from '../support/emulator.ts'
import type { Fly, Json } from '../support/emulator.ts'

const ask = (
  fly: Fly,
  path = '/',
  headers: Record<string, string> = {},
  init: RequestInit = {},
): Promise<Response> => fly.emulator.proxy(new Request(`https://demo.fly.dev${path}`, { ...init, headers }))

const force = (machine: Json): Record<string, string> => ({ 'fly-force-instance-id': machine.id })

describe('finding the app', () => {
  test('the proxy finds an app by its host name, and the default app on a loopback address', async () => {
    const fly = await startFly({ defaultApp: 'demo' })
    const { id } = await fly.started({ services: [WEB_SERVICE] })
    for (const url of [
      'https://demo.fly.dev/',
      'http://demo.localhost:4281/',
      'http://127.0.0.1:4281/',
      'http://localhost:4281/',
    ]) {
      expect(await (await fly.emulator.proxy(new Request(url))).text(), url).toBe(id)
    }
  })

  test('the connection fails for an unknown app and for an app without an IP address', async () => {
    const fly = await startFly()
    await fly.call('POST', '/v1/apps', { name: 'bare', org_slug: 'personal' })
    for (const url of ['https://nope.fly.dev/', 'https://bare.fly.dev/', 'http://localhost:1/']) {
      await expect(fly.emulator.proxy(new Request(url))).rejects.toThrow(ConnectionLost)
    }
  })

  test('a machine without a service or without an http handler gets no request', async () => {
    const fly = await startFly()
    const plain = await fly.started()
    const raw = await fly.started({
      services: [{ ...WEB_SERVICE, ports: [{ port: 443, handlers: ['tls'] }] }],
    })
    for (const machine of [plain, raw]) expect((await ask(fly, '/', force(machine))).status).toBe(502)
  })

  test('port 80 with force_https redirects to HTTPS', async () => {
    const fly = await startFly()
    const ports = [...WEB_SERVICE.ports, { port: 80, handlers: ['http'], force_https: true }]
    await fly.started({ services: [{ ...WEB_SERVICE, ports }] })
    const reply = await fly.emulator.proxy(new Request('http://demo.fly.dev/a?b=c'))
    expect(reply.status).toBe(301)
    expect(reply.headers.get('location')).toBe('https://demo.fly.dev/a?b=c')
  })
})

describe('flycast', () => {
  const PLAIN = { ...WEB_SERVICE, ports: [{ port: 80, handlers: ['http'] }] }
  const allocate = (fly: Fly) => fly.call('POST', '/v1/apps/demo/ip_assignments', { type: 'private_v6' })

  test('flycast needs a private IP address', async () => {
    const fly = await startFly()
    const { id } = await fly.started({ services: [PLAIN] })
    const ask80 = () => fly.emulator.proxy(new Request('http://demo.flycast/'))
    await expect(ask80()).rejects.toThrow(ConnectionLost)
    await allocate(fly)
    expect(await (await ask80()).text()).toBe(id)
  })

  test('an app with only a private IP address cannot be reached under fly.dev', async () => {
    const fly = await startFly()
    await fly.call('POST', '/v1/apps', { name: 'inner', org_slug: 'personal' })
    await fly.call('POST', '/v1/apps/inner/ip_assignments', { type: 'private_v6' })
    await expect(fly.emulator.proxy(new Request('https://inner.fly.dev/'))).rejects.toThrow(ConnectionLost)
  })

  test('flycast accepts HTTP only and sets x-forwarded-proto to http', async () => {
    const fly = await startFly()
    await allocate(fly)
    await fly.started({ services: [WEB_SERVICE] })
    await expect(fly.emulator.proxy(new Request('https://demo.flycast/'))).rejects.toThrow(ConnectionLost)
    expect((await fly.emulator.proxy(new Request('http://demo.flycast/'))).status).toBe(502)

    await fly.started({ services: [PLAIN] })
    await fly.emulator.proxy(new Request('http://demo.flycast/'))
    expect(Object.fromEntries(seen.at(-1)?.request.headers ?? [])).toMatchObject({
      host: 'demo.flycast',
      'fly-forwarded-port': '80',
      'x-forwarded-proto': 'http',
    })
  })
})

describe('routing', () => {
  test('a forced request reaches that machine and never another', async () => {
    const fly = await startFly()
    const a = await fly.started({ services: [{ ...WEB_SERVICE, autostart: false }] })
    const b = await fly.started({ services: [{ ...WEB_SERVICE, autostart: false }] })
    for (const machine of [a, b]) expect(await (await ask(fly, '/', force(machine))).text()).toBe(machine.id)
    await fly.call('POST', `${fly.machines}/${a.id}/stop`)
    await fly.wait(a.id, 'stopped')
    const refused = await ask(fly, '/', force(a))
    expect(refused.status).toBe(502)
    expect(await refused.text()).toBe('')
    expect(refused.headers.get('content-type')).toBeNull()
    expect(refused.headers.get('server')).toMatch(/^Fly\//)
    expect(refused.headers.get('via')).toMatch(/fly\.io/)
    expect(refused.headers.get('fly-request-id')).toBeTruthy()
    expect((await ask(fly, '/', { 'fly-force-instance-id': '00000000000000' })).status).toBe(502)
    expect(await (await ask(fly)).text()).toBe(b.id)
  })

  test('a preferred machine gets the request if it can, and otherwise a header names it to the other one', async () => {
    const fly = await startFly()
    const a = await fly.started({ services: [WEB_SERVICE] })
    const b = await fly.started({ services: [{ ...WEB_SERVICE, autostart: false }] })
    expect(await (await ask(fly, '/', { 'fly-prefer-instance-id': b.id })).text()).toBe(b.id)
    await fly.call('POST', `${fly.machines}/${b.id}/cordon`)
    expect(await (await ask(fly, '/', { 'fly-prefer-instance-id': b.id })).text()).toBe(a.id)
    expect(seen.at(-1)?.request.headers.get('fly-preferred-instance-unavailable')).toBe(b.id)
  })

  test('a machine that is cordoned or was created with skip_service_registration gets no request until uncordon', async () => {
    const fly = await startFly()
    const machine = await fly.started({ services: [WEB_SERVICE] }, { skip_service_registration: true })
    expect((await ask(fly)).status).toBe(502)
    await fly.call('POST', `${fly.machines}/${machine.id}/uncordon`)
    expect((await ask(fly)).status).toBe(200)
    await fly.call('POST', `${fly.machines}/${machine.id}/cordon`)
    expect((await ask(fly, '/', force(machine))).status).toBe(502)
  })

  test('a machine with a failing service check gets no request, and one with a failing informational check does', async () => {
    const fly = await startFly({ timings: { proxyTimeoutMs: 30 } })
    const bad = { type: 'http', path: '/bad', port: 8080, interval: '15ms' }
    const machine = await fly.started({ services: [WEB_SERVICE], checks: { bad } })
    await eventually(async () => (await fly.get(machine.id)).checks[0]?.status === 'critical')
    expect((await ask(fly)).status).toBe(200)
    const other = await fly.started({ services: [{ ...WEB_SERVICE, checks: [bad] }] })
    await eventually(async () => (await fly.get(other.id)).checks[0]?.status === 'critical')
    expect((await ask(fly, '/', force(other))).status).toBe(503)
  })

  test('a request to a machine at its hard limit waits and then answers 503', async () => {
    const fly = await startFly({ timings: { proxyTimeoutMs: 60 } })
    await fly.started({
      services: [{ ...WEB_SERVICE, concurrency: { type: 'requests', soft_limit: 1, hard_limit: 1 } }],
    })
    const held = await ask(fly, '/stream')
    expect((await ask(fly)).status).toBe(503)
    await held.body?.cancel()
    expect((await ask(fly)).status).toBe(200)
  })
})
