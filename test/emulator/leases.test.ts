// Leases and metadata of machines in the emulated Machines API.

import { describe, expect, test } from 'vitest'
import { startFly } from '../support/emulator.ts'
import type { Json } from '../support/emulator.ts'

describe('leases', () => {
  test('while a lease is held a write without its nonce answers 409, and a write with it is accepted', async () => {
    const { call, machines, started } = await startFly()
    const { id, instance_id } = await started()
    const path = `${machines}/${id}`
    const taken = await call('POST', `${path}/lease?ttl=30`)
    expect(taken).toMatchObject({ status: 201, body: { status: 'success', data: { version: instance_id } } })
    const nonce: string = taken.body.data.nonce
    for (const [method, rest, body] of [
      ['POST', '/start'],
      ['POST', '/stop'],
      ['POST', '/suspend'],
      ['POST', '/restart'],
      ['POST', '/cordon'],
      ['POST', '/lease'],
      ['POST', '/signal', { signal: 9 }],
      ['POST', '', { config: { image: 'web' } }],
      ['DELETE', ''],
      ['PATCH', '/metadata', { metadata: { a: 'b' } }],
    ] as const) {
      const refused = await call(method, path + rest, body)
      expect(refused.status, `${method} ${rest}`).toBe(409)
      expect(refused.body.error).toMatch(
        new RegExp(`^aborted: machine ID ${id} lease currently held by .+, expires at 20`),
      )
    }
    const held = { 'fly-machine-lease-nonce': nonce }
    expect((await call('POST', `${path}/cordon`, undefined, held)).status).toBe(200)
    expect((await call('POST', `${path}/lease`, { ttl: 60 }, held)).body.data.nonce).toBe(nonce)
    expect((await call('DELETE', `${path}/lease`)).status).toBe(400)
    expect((await call('DELETE', `${path}/lease`, undefined, held)).body).toEqual({
      status: 'success',
      data: { ok: true },
    })
    expect(await call('GET', `${path}/lease`)).toMatchObject({
      status: 404,
      body: { error: expect.stringContaining('lease not found') },
    })
    expect((await call('POST', `${path}/uncordon`)).status).toBe(200)
  })

  test('a lease expires after its ttl', async () => {
    let time = Date.now()
    const { call, machines, started } = await startFly({ now: () => time })
    const { id } = await started()
    await call('POST', `${machines}/${id}/lease`, { ttl: 10 })
    expect((await call('POST', `${machines}/${id}/cordon`)).status).toBe(409)
    time += 10_001
    expect((await call('POST', `${machines}/${id}/cordon`)).status).toBe(200)
  })

  test('create with lease_ttl answers the nonce once, and lists show the lease without it', async () => {
    const { call, machines, create, get } = await startFly()
    const machine = await create({}, { lease_ttl: 30 })
    expect(machine.nonce).toMatch(/^[0-9a-f]+$/)
    expect(await get(machine.id)).not.toHaveProperty('nonce')
    const [row] = (await call('GET', `${machines}?include_leases=true`)).body as unknown as Json[]
    expect(row?.lease).toHaveProperty('owner')
    expect(row?.lease).not.toHaveProperty('nonce')
  })
})

describe('metadata', () => {
  test('PATCH and PUT both merge metadata, and a null or empty value removes a key', async () => {
    const { call, machines, started, get } = await startFly()
    const machine = await started({ metadata: { a: '1', b: '2' } })
    const path = `${machines}/${machine.id}/metadata`
    expect((await call('PATCH', path, { metadata: { c: '3', a: null } })).status).toBe(204)
    expect((await call('PUT', path, { metadata: { d: '4', b: '' } })).status).toBe(204)
    expect((await call('POST', `${path}/e`, { value: '5' })).status).toBe(204)
    expect((await call('DELETE', `${path}/c`)).status).toBe(204)
    expect((await call('GET', path)).body).toEqual({ d: '4', e: '5' })
    expect((await call('GET', `${path}/e`)).body).toEqual({ value: '5' })
    expect((await call('GET', `${path}/zzz`)).status).toBe(404)
    expect((await get(machine.id)).version).toBe(machine.version)
  })

  test('PATCH of metadata with another machine_version answers 412', async () => {
    const { call, machines, create } = await startFly()
    const { id, version } = await create()
    const path = `${machines}/${id}/metadata`
    expect((await call('PATCH', path, { metadata: { a: 'b' }, machine_version: 'other' })).status).toBe(412)
    expect((await call('PATCH', path, { metadata: { a: 'b' }, machine_version: version })).status).toBe(204)
    expect((await call('PATCH', path, { metadata: { a: 7 } })).status).toBe(400)
  })
})
