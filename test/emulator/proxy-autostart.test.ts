// How the emulated Fly Proxy starts machines for requests, and stops idle ones.

import { describe, expect, test } from 'vitest'
import { pause, startFly, WEB_SERVICE } from '../support/emulator.ts'
import type { Fly, Json } from '../support/emulator.ts'

const ask = (
  fly: Fly,
  path = '/',
  headers: Record<string, string> = {},
  init: RequestInit = {},
): Promise<Response> => fly.emulator.proxy(new Request(`https://demo.fly.dev${path}`, { ...init, headers }))

const force = (machine: Json): Record<string, string> => ({ 'fly-force-instance-id': machine.id })

describe('autostart and autostop', () => {
  test('a request starts a stopped machine with autostart and is held with its body until it runs', async () => {
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

  test('a leased machine is not started by a request', async () => {
    const fly = await startFly()
    const { id } = await fly.started({ services: [WEB_SERVICE] })
    await fly.call('POST', `${fly.machines}/${id}/stop`)
    await fly.wait(id, 'stopped')
    await fly.call('POST', `${fly.machines}/${id}/lease`, { ttl: 30 })
    expect((await ask(fly)).status).toBe(503)
    expect((await fly.get(id)).state).toBe('stopped')
  })

  test('a machine is not started by a request while its host has no memory', async () => {
    const fly = await startFly()
    const { id } = await fly.started({ services: [WEB_SERVICE] })
    await fly.call('POST', `${fly.machines}/${id}/stop`)
    await fly.wait(id, 'stopped')
    const fault = fly.emulator.faults.add({ kind: 'host-full', machine: id })
    expect((await ask(fly)).status).toBe(503)
    expect((await fly.get(id)).state).toBe('stopped')
    fly.emulator.faults.remove(fault)
    expect(await (await ask(fly)).text()).toBe(id)
  })

  test('a request to a suspended machine resumes the same program', async () => {
    const fly = await startFly()
    const { id } = await fly.started({ services: [WEB_SERVICE] })
    await fly.call('POST', `${fly.machines}/${id}/suspend`)
    await fly.wait(id, 'suspended')
    expect(await (await ask(fly)).text()).toBe(id)
  })

  test('autostop stops or suspends idle machines, but no leased or busy ones and none with autostop off', async () => {
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

  test('a response body that nobody reads does not keep its machine from autostop', async () => {
    const fly = await startFly({ timings: { autostopMs: 60 } })
    const ports = [{ port: 443, handlers: ['http'], http_options: { idle_timeout: 0.1 } }]
    const { id } = await fly.started({ services: [{ ...WEB_SERVICE, ports, autostop: 'stop' }] })
    expect((await ask(fly, '/stream')).status).toBe(200)
    expect((await fly.wait(id, 'stopped')).status).toBe(200)
  })

  test('autostop keeps min_machines_running machines started', async () => {
    const fly = await startFly({ timings: { autostopMs: 30 } })
    const { id } = await fly.started({
      services: [{ ...WEB_SERVICE, autostop: 'stop', min_machines_running: 1 }],
    })
    await pause(120)
    expect((await fly.get(id)).state).toBe('started')
  })
})
