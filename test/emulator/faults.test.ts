// The faults of the emulated Fly, set in code or through its admin API, and on the ports of a real Node server.

import { serve } from '@hono/node-server'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ConnectionLost, withLostConnections } from '../../lib/emulator/shared/connection-lost.ts'
import { eventually, startFly, WEB_SERVICE } from '../support/emulator.ts'

const body = { name: 'one', config: { image: 'web' } }

describe('replies', () => {
  test('after a lost reply to create the machine exists', async () => {
    const { emulator, call, machines } = await startFly()
    emulator.faults.add({ kind: 'lose-reply', action: 'machine.create', times: 1 })
    await expect(call('POST', machines, body)).rejects.toThrow(ConnectionLost)
    expect(emulator.machines()).toMatchObject([{ name: 'one' }])
    expect((await call('POST', machines, body)).status).toBe(409)
  })

  test('a lost reply closes the socket of a Node server', async () => {
    const { emulator } = await startFly()
    const server = serve({ fetch: withLostConnections(emulator.api.fetch), port: 0, hostname: '127.0.0.1' })
    onTestFinished(() => void server.close())
    await eventually(() => server.listening)
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/apps/demo/machines`
    const post = () =>
      fetch(url, { method: 'POST', headers: { authorization: 'Bearer x' }, body: JSON.stringify(body) })
    emulator.faults.add({ kind: 'lose-reply', action: 'machine.create', times: 1 })
    await expect(post()).rejects.toThrow(TypeError)
    expect((await post()).status).toBe(409)
  })

  test('an ambiguous answer comes after the action was done, and a refusal instead of it', async () => {
    const { emulator, call, machines } = await startFly()
    emulator.faults.add({ kind: 'ambiguous', action: 'machine.create', status: 408, times: 1 })
    emulator.faults.add({ kind: 'answer', action: 'machine.list', status: 503, times: 1 })
    const reply = await call('POST', machines, body)
    expect([reply.status, reply.body]).toEqual([408, ''])
    expect(emulator.machines()).toHaveLength(1)
    expect((await call('GET', machines)).status).toBe(503)
    expect((await call('GET', machines)).status).toBe(200)
  })

  test('a fault with a probability affects the same calls for the same seed', async () => {
    const run = async (seed: number): Promise<number[]> => {
      const { emulator, call, machines } = await startFly({ seed })
      emulator.faults.add({ kind: 'answer', status: 429, probability: 0.5 })
      const statuses: number[] = []
      for (let i = 0; i < 12; i++) statuses.push((await call('GET', machines)).status)
      return statuses
    }
    const first = await run(7)
    expect(await run(7)).toEqual(first)
    expect(new Set(first)).toEqual(new Set([200, 429]))
  })

  test('a latency fault delays only its action', async () => {
    const { emulator, call, machines } = await startFly()
    emulator.faults.add({ kind: 'latency', action: 'machine.list', ms: 60 })
    const begin = performance.now()
    await call('GET', '/v1/apps/demo')
    expect(performance.now() - begin).toBeLessThan(50)
    await call('GET', machines)
    expect(performance.now() - begin).toBeGreaterThan(55)
  })

  test('a fault switches rate limits on and off', async () => {
    const { emulator, call } = await startFly()
    const id = emulator.faults.add({ kind: 'rate-limits', on: true })
    const statuses = async (): Promise<number[]> =>
      Promise.all([1, 2, 3, 4].map(async () => (await call('GET', '/v1/apps/demo/secrets')).status))
    expect(await statuses()).toEqual([200, 200, 200, 429])
    expect(emulator.faults.remove(id)).toBe(true)
    expect(await statuses()).toEqual([200, 200, 200, 200])
  })
})

describe('capacity', () => {
  test.each([
    ['region', 422, /could not find a candidate host/],
    ['region-aborted', 409, /^aborted: no capacity/],
    ['host', 409, /^aborted: could not reserve resource/],
    ['quota', 403, /over the allowed quota/],
  ] as const)('a capacity fault of kind %s answers %i to create', async (as, status, text) => {
    const { emulator, call, machines } = await startFly()
    emulator.faults.add({ kind: 'capacity', region: 'iad', as })
    const reply = await call('POST', machines, { ...body, region: 'iad' })
    expect(reply.status).toBe(status)
    expect(reply.body.error).toMatch(text)
    expect(emulator.machines()).toEqual([])
    expect((await call('POST', machines, { ...body, region: 'iad,fra' })).body.region).toBe('fra')
  })

  test('a capacity fault of kind host refuses start too', async () => {
    const { emulator, call, machines, create, wait } = await startFly()
    const { id } = await create({}, { skip_launch: true })
    await wait(id, 'stopped')
    emulator.faults.add({ kind: 'capacity', as: 'host', times: 1 })
    expect((await call('POST', `${machines}/${id}/start`)).status).toBe(409)
    expect((await call('POST', `${machines}/${id}/start`)).status).toBe(200)
  })
})

describe('machines', () => {
  test('an unreachable host hides the config, answers 408 to writes and 502 through the proxy', async () => {
    const { emulator, call, machines, started, get } = await startFly({ timings: { proxyTimeoutMs: 30 } })
    const { id } = await started({ services: [WEB_SERVICE] })
    const fault = emulator.faults.add({ kind: 'host-unreachable', machine: id })
    expect(await get(id)).toMatchObject({
      state: 'started',
      host_status: 'unreachable',
      config: null,
      incomplete_config: { image: 'web' },
    })
    expect((await call('POST', `${machines}/${id}/stop`)).status).toBe(408)
    expect((await emulator.proxy(new Request('https://demo.fly.dev/'))).status).toBe(502)
    emulator.faults.remove(fault)
    expect((await get(id)).host_status).toBe('ok')
  })

  test('a machine that crashes at boot is restarted by its policy', async () => {
    const { emulator, create, wait, events } = await startFly()
    emulator.faults.add({ kind: 'boot-crash', machine: 'one', exitCode: 42, times: 2 })
    const { id } = await create({}, { name: 'one' })
    await eventually(() => emulator.machines()[0]?.restartCount === 2)
    expect((await wait(id, 'started')).status).toBe(200)
    const exits = (await events(id)).filter(({ type }) => type === 'exit')
    expect(exits.map(({ request }) => request.exit_event.exit_code)).toEqual([42, 42])
  })

  test('an out-of-memory fault kills the program, and the exit event says so', async () => {
    const { emulator, started, wait, events } = await startFly()
    const { id } = await started({ restart: { policy: 'no' } })
    emulator.faults.add({ kind: 'out-of-memory', machine: id })
    await wait(id, 'stopped')
    expect((await events(id))[0]?.request.exit_event).toMatchObject({
      oom_killed: true,
      exit_code: 137,
      requested_stop: false,
    })
    expect(() => emulator.faults.add({ kind: 'out-of-memory', machine: id })).toThrow(/no started machine/)
  })

  test('a machine with a port-closed fault runs, and nothing listens', async () => {
    const { emulator, call, machines, started } = await startFly({ timings: { proxyTimeoutMs: 30 } })
    const { id } = await started({ services: [WEB_SERVICE] })
    emulator.faults.add({ kind: 'port-closed', machine: id })
    expect((await emulator.proxy(new Request('https://demo.fly.dev/'))).status).toBe(502)
    expect((await call('GET', `${machines}/${id}/ps`)).body[0].listen_sockets).toEqual([])
  })

  test('a bare-wait fault leaves only ok in the answer of wait', async () => {
    const { emulator, started, wait } = await startFly()
    const { id, version } = await started()
    expect((await wait(id, 'started')).body).toMatchObject({ ok: true, state: 'started', version })
    emulator.faults.add({ kind: 'bare-wait' })
    expect(await wait(id, 'started')).toMatchObject({ status: 200, body: { ok: true } })
    expect(Object.keys((await wait(id, 'started')).body)).toEqual(['ok'])
  })

  test('stale-list and late-get faults hide a new machine for a while', async () => {
    let time = Date.now()
    const { emulator, call, machines, create } = await startFly({ now: () => time })
    emulator.faults.add({ kind: 'stale-list', ms: 1000 })
    emulator.faults.add({ kind: 'late-get', ms: 500 })
    const { id } = await create()
    expect((await call('GET', machines)).body).toEqual([])
    expect((await call('GET', `${machines}/${id}`)).status).toBe(404)
    time += 600
    expect((await call('GET', `${machines}/${id}`)).status).toBe(200)
    expect((await call('GET', machines)).body).toEqual([])
    time += 600
    expect((await call('GET', machines)).body).toHaveLength(1)
  })
})

describe('the admin API', () => {
  test('the admin API adds, lists and removes faults, and refuses malformed ones', async () => {
    const { call, machines } = await startFly()
    const added = await call('POST', '/_emulator/faults', {
      kind: 'answer',
      action: 'machine.list',
      status: 500,
    })
    expect(added).toMatchObject({ status: 201, body: { id: expect.any(String) } })
    expect((await call('GET', machines)).status).toBe(500)
    expect((await call('GET', '/_emulator/faults')).body.faults).toMatchObject([
      { id: added.body.id, kind: 'answer' },
    ])
    expect((await call('DELETE', `/_emulator/faults/${added.body.id}`)).status).toBe(204)
    expect((await call('GET', machines)).status).toBe(200)
    await call('POST', '/_emulator/faults', { kind: 'port-closed' })
    expect((await call('DELETE', '/_emulator/faults')).status).toBe(204)
    expect((await call('GET', '/_emulator/faults')).body.faults).toEqual([])
    for (const bad of [{ kind: 'nonsense' }, { kind: 'answer' }, { kind: 'port-closed', typo: 1 }, '{']) {
      expect((await call('POST', '/_emulator/faults', bad)).status).toBe(400)
    }
  })

  test('the admin API shows machines without their env and requires a token when tokens are configured', async () => {
    const { call, create } = await startFly({ tokens: ['test'] })
    await create({ env: { SECRET: 'hush' } })
    const shown = await call('GET', '/_emulator/machines')
    expect(shown.body.machines).toMatchObject([{ image: 'web', destroyed: false }])
    expect(JSON.stringify(shown.body)).not.toContain('hush')
    expect((await call('GET', '/_emulator/machines', undefined, { authorization: '' })).status).toBe(401)
    expect((await call('GET', '/_emulator/health', undefined, { authorization: '' })).body).toEqual({
      ok: true,
    })
  })
})
