// The emulated Fly Proxy: which machine a request reaches, what is added on the way, and how it fails.

import { describe, expect, test } from 'vitest'
import { ConnectionLost } from '../../lib/emulator/shared/connection-lost.ts'
import { eventually, pause, seen, startFly, WEB_SERVICE } from '../support/emulator.ts'
import type { Fly, Json } from '../support/emulator.ts'

const ask = (
  fly: Fly,
  path = '/',
  headers: Record<string, string> = {},
  init: RequestInit = {},
): Promise<Response> => fly.emulator.proxy(new Request(`https://demo.fly.dev${path}`, { ...init, headers }))

const force = (machine: Json): Record<string, string> => ({ 'fly-force-instance-id': machine.id })

describe('finding the app', () => {
  test('by its name under any domain, or the default app on a bare loopback address', async () => {
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

  test('an unknown app, or one without an address, has no name to connect to', async () => {
    const fly = await startFly()
    await fly.call('POST', '/v1/apps', { name: 'bare', org_slug: 'personal' })
    for (const url of ['https://nope.fly.dev/', 'https://bare.fly.dev/', 'http://localhost:1/']) {
      await expect(fly.emulator.proxy(new Request(url))).rejects.toThrow(ConnectionLost)
    }
  })

  test('a machine without a service, or without an http handler, is not there', async () => {
    const fly = await startFly()
    const plain = await fly.started()
    const raw = await fly.started({
      services: [{ ...WEB_SERVICE, ports: [{ port: 443, handlers: ['tls'] }] }],
    })
    for (const machine of [plain, raw]) expect((await ask(fly, '/', force(machine))).status).toBe(503)
  })

  test('port 80 with force_https redirects', async () => {
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

  test('needs a private address: public ones have no part in it', async () => {
    const fly = await startFly()
    const { id } = await fly.started({ services: [PLAIN] })
    const ask80 = () => fly.emulator.proxy(new Request('http://demo.flycast/'))
    await expect(ask80()).rejects.toThrow(ConnectionLost)
    await allocate(fly)
    expect(await (await ask80()).text()).toBe(id)
  })

  test('and a private address is no public one', async () => {
    const fly = await startFly()
    await fly.call('POST', '/v1/apps', { name: 'inner', org_slug: 'personal' })
    await fly.call('POST', '/v1/apps/inner/ip_assignments', { type: 'private_v6' })
    await expect(fly.emulator.proxy(new Request('https://inner.fly.dev/'))).rejects.toThrow(ConnectionLost)
  })

  test('is HTTP only, and tells the machine so', async () => {
    const fly = await startFly()
    await allocate(fly)
    await fly.started({ services: [WEB_SERVICE] })
    await expect(fly.emulator.proxy(new Request('https://demo.flycast/'))).rejects.toThrow(ConnectionLost)
    expect((await fly.emulator.proxy(new Request('http://demo.flycast/'))).status).toBe(503)

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
    expect(refused.status).toBe(503)
    expect(await refused.text()).toBe('')
    expect(refused.headers.get('content-type')).toBeNull()
    expect(refused.headers.get('server')).toMatch(/^Fly\//)
    expect(refused.headers.get('via')).toMatch(/fly\.io/)
    expect(refused.headers.get('fly-request-id')).toBeTruthy()
    expect((await ask(fly, '/', { 'fly-force-instance-id': '00000000000000' })).status).toBe(503)
    expect(await (await ask(fly)).text()).toBe(b.id)
  })

  test('a preferred machine is taken when it can be, and told about when it cannot', async () => {
    const fly = await startFly()
    const a = await fly.started({ services: [WEB_SERVICE] })
    const b = await fly.started({ services: [{ ...WEB_SERVICE, autostart: false }] })
    expect(await (await ask(fly, '/', { 'fly-prefer-instance-id': b.id })).text()).toBe(b.id)
    await fly.call('POST', `${fly.machines}/${b.id}/cordon`)
    expect(await (await ask(fly, '/', { 'fly-prefer-instance-id': b.id })).text()).toBe(a.id)
    expect(seen.at(-1)?.request.headers.get('fly-preferred-instance-unavailable')).toBe(b.id)
  })

  test('a cordoned machine gets nothing until it is uncordoned, and skip_service_registration is the same', async () => {
    const fly = await startFly()
    const machine = await fly.started({ services: [WEB_SERVICE] }, { skip_service_registration: true })
    expect((await ask(fly)).status).toBe(503)
    await fly.call('POST', `${fly.machines}/${machine.id}/uncordon`)
    expect((await ask(fly)).status).toBe(200)
    await fly.call('POST', `${fly.machines}/${machine.id}/cordon`)
    expect((await ask(fly, '/', force(machine))).status).toBe(503)
  })

  test('a failing service check takes the machine out, an informational one does not', async () => {
    const fly = await startFly({ timings: { proxyPatienceMs: 30 } })
    const bad = { type: 'http', path: '/bad', port: 8080, interval: '15ms' }
    const machine = await fly.started({ services: [WEB_SERVICE], checks: { bad } })
    await eventually(async () => (await fly.get(machine.id)).checks[0]?.status === 'critical')
    expect((await ask(fly)).status).toBe(200)
    const other = await fly.started({ services: [{ ...WEB_SERVICE, checks: [bad] }] })
    await eventually(async () => (await fly.get(other.id)).checks[0]?.status === 'critical')
    expect((await ask(fly, '/', force(other))).status).toBe(503)
  })

  test('at the hard limit a request waits, then is refused', async () => {
    const fly = await startFly({ timings: { proxyPatienceMs: 60 } })
    await fly.started({
      services: [{ ...WEB_SERVICE, concurrency: { type: 'requests', soft_limit: 1, hard_limit: 1 } }],
    })
    const held = await ask(fly, '/stream')
    expect((await ask(fly)).status).toBe(503)
    await held.body?.cancel()
    expect((await ask(fly)).status).toBe(200)
  })
})

describe('waking and sleeping', () => {
  test('a stopped machine with autostart is woken, and the request held meanwhile, body and all', async () => {
    const fly = await startFly()
    const { id } = await fly.started({ services: [WEB_SERVICE] })
    await fly.call('POST', `${fly.machines}/${id}/stop`)
    await fly.wait(id, 'stopped')
    const reply = await ask(fly, '/echo', { 'fly-force-instance-id': id }, { method: 'POST', body: 'hello' })
    expect(await reply.text()).toBe('hello')
    expect((await fly.events(id)).some(({ source, type }) => source === 'proxy' && type === 'start')).toBe(
      true,
    )
  })

  test('a lease prevents waking', async () => {
    const fly = await startFly()
    const { id } = await fly.started({ services: [WEB_SERVICE] })
    await fly.call('POST', `${fly.machines}/${id}/stop`)
    await fly.wait(id, 'stopped')
    await fly.call('POST', `${fly.machines}/${id}/lease`, { ttl: 30 })
    expect((await ask(fly)).status).toBe(503)
    expect((await fly.get(id)).state).toBe('stopped')
  })

  test('a request to a suspended machine resumes the same program', async () => {
    const fly = await startFly()
    const { id } = await fly.started({ services: [WEB_SERVICE] })
    await fly.call('POST', `${fly.machines}/${id}/suspend`)
    await fly.wait(id, 'suspended')
    expect(await (await ask(fly)).text()).toBe(id)
  })

  test('autostop stops or suspends what is idle, and not what is leased, busy, off or the minimum', async () => {
    const fly = await startFly({ timings: { autostopMs: 60 } })
    const with_ = (service: Json): Promise<Json> =>
      fly.started({ services: [{ ...WEB_SERVICE, ...service }] })
    const off = await with_({ autostop: 'off' })
    const stops = await with_({ autostop: 'stop' })
    const suspends = await with_({ autostop: 'suspend' })
    const leased = await with_({ autostop: 'stop' })
    await fly.call('POST', `${fly.machines}/${leased.id}/lease`, { ttl: 30 })
    const busy = await with_({ autostop: 'stop' })
    const stream = await ask(fly, '/stream', force(busy))
    await fly.wait(stops.id, 'stopped')
    await fly.wait(suspends.id, 'suspended')
    await pause(100)
    for (const machine of [off, leased, busy]) expect((await fly.get(machine.id)).state).toBe('started')
    await stream.body?.cancel()
    await fly.wait(busy.id, 'stopped')
  })

  test('a body nobody reads does not keep its machine busy for ever', async () => {
    const fly = await startFly({ timings: { autostopMs: 60 } })
    const ports = [{ port: 443, handlers: ['http'], http_options: { idle_timeout: 0.1 } }]
    const { id } = await fly.started({ services: [{ ...WEB_SERVICE, ports, autostop: 'stop' }] })
    expect((await ask(fly, '/stream')).status).toBe(200)
    expect((await fly.wait(id, 'stopped')).status).toBe(200)
  })

  test('min_machines_running keeps the last ones up', async () => {
    const fly = await startFly({ timings: { autostopMs: 30 } })
    const { id } = await fly.started({
      services: [{ ...WEB_SERVICE, autostop: 'stop', min_machines_running: 1 }],
    })
    await pause(120)
    expect((await fly.get(id)).state).toBe('started')
  })
})

describe('failures', () => {
  test('a port nobody can reach is 502 after some patience', async () => {
    const fly = await startFly({ timings: { proxyPatienceMs: 60 } })
    const loopback = await fly.started({ image: 'loopback', services: [WEB_SERVICE] })
    const closed = await fly.started({ services: [{ ...WEB_SERVICE, internal_port: 9999 }] })
    for (const machine of [loopback, closed]) {
      const reply = await ask(fly, '/', force(machine))
      expect(reply.status).toBe(502)
      expect(reply.headers.get('content-type')).toBeNull()
    }
  })

  test('a program that breaks the connection is 502', async () => {
    const fly = await startFly()
    const machine = await fly.started({ services: [WEB_SERVICE], restart: { policy: 'no' } })
    expect((await ask(fly, '/throw')).status).toBe(502)
    const hanging = ask(fly, '/hang')
    await pause(20)
    await fly.call('POST', `${fly.machines}/${machine.id}/signal`, { signal: 9 })
    expect((await hanging).status).toBe(502)
  })

  test('an error of the program itself is passed on as it is', async () => {
    const fly = await startFly()
    await fly.started({ services: [WEB_SERVICE] })
    const reply = await ask(fly, '/bad')
    expect([reply.status, await reply.text()]).toEqual([500, 'bad'])
  })
})

describe('what passes through', () => {
  test('headers are added for the program, and for the client', async () => {
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

  test('an exchange without bytes is cut after idle_timeout', async () => {
    const fly = await startFly()
    const ports = [{ port: 443, handlers: ['tls', 'http'], http_options: { idle_timeout: 0.05 } }]
    await fly.started({ services: [{ ...WEB_SERVICE, ports }] })
    expect((await ask(fly, '/hang')).status).toBe(502)
    const reader = (await ask(fly, '/stream')).body?.getReader() ?? expect.fail('no body')
    for (let i = 0; i < 6; i++) expect((await reader.read()).done).toBe(false)
    await reader.cancel()
  })

  test('a slow reader gets nothing of what a dead program goes on to say', async () => {
    const fly = await startFly()
    const machine = await fly.started({ services: [WEB_SERVICE] })
    const reply = await ask(fly, '/stream')
    await fly.call('DELETE', `${fly.machines}/${machine.id}?force=true`)
    await fly.wait(machine.id, 'destroyed')
    await expect(reply.text()).rejects.toThrow()
  })

  test('a held request is let go when the emulator closes', async () => {
    const fly = await startFly({ timings: { bootMs: 10_000, proxyPatienceMs: 10_000 } })
    await fly.create({ services: [WEB_SERVICE] })
    const reply = ask(fly)
    await pause(20)
    await fly.emulator.close()
    expect((await reply).status).toBe(503)
  })

  test('a client that goes away while held is let go', async () => {
    const fly = await startFly({ timings: { bootMs: 200 } })
    await fly.create({ services: [WEB_SERVICE] })
    const reply = ask(fly, '/', {}, { signal: AbortSignal.timeout(20) })
    await expect(reply).rejects.toThrow(/timeout|abort/i)
  })
})
