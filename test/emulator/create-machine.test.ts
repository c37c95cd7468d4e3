// Creating machines in the emulated Machines API: the reply, names, sizes, regions, and what is refused.

import { describe, expect, test } from 'vitest'
import { startFly } from '../support/emulator.ts'
import type { Json } from '../support/emulator.ts'

describe('creating a machine', () => {
  test('create answers 200 with a created machine that flyctl can read', async () => {
    const { create } = await startFly()
    const machine = await create({ metadata: { a: 'b' } }, { name: 'first', region: 'fra' })
    expect(machine).toMatchObject({
      name: 'first',
      state: 'created',
      region: 'fra',
      host_status: 'ok',
      checks: [],
      config: { image: 'web', guest: { cpu_kind: 'shared', cpus: 1, memory_mb: 256 } },
      image_ref: { registry: 'registry-1.docker.io', repository: 'library/web', tag: 'latest' },
    })
    expect(machine.id).toMatch(/^[0-9a-f]{14}$/)
    expect(machine.instance_id).toBe(machine.version)
    expect(machine.events).toMatchObject([
      { type: 'launch', status: 'created', source: 'user' },
      { type: 'launch', status: 'pending', source: 'flyd' },
    ])
  })

  test('create keeps the digest of a pinned image', async () => {
    const { create } = await startFly()
    const digest = `sha256:${'a'.repeat(64)}`
    const machine = await create({ image: `ghcr.io/acme/web:v1@${digest}` })
    expect(machine.image_ref).toMatchObject({
      registry: 'ghcr.io',
      repository: 'acme/web',
      tag: 'v1',
      digest,
    })
  })

  test('a machine name is unique in its app, and the refusal names the machine that has it', async () => {
    const { call, machines, started } = await startFly()
    const first = await started({}, { name: 'same' })
    const body = { name: 'same', config: { image: 'web' } }
    expect(await call('POST', machines, body)).toMatchObject({
      status: 409,
      body: {
        error: `already_exists: unique machine name violation, machine ID ${first.id} already exists with name "same"`,
      },
    })
    await call('DELETE', `${machines}/${first.id}?force=true`)
    expect((await call('POST', machines, body)).status).toBe(200)
  })

  test('simultaneous creates with one name make one machine', async () => {
    const { call, machines } = await startFly()
    const body = { name: 'race', config: { image: 'web' } }
    const replies = await Promise.all([1, 2, 3].map(() => call('POST', machines, body)))
    expect(replies.map(({ status }) => String(status)).toSorted()).toEqual(['200', '409', '409'])
  })

  test.each([
    [{}, /config is required/],
    [{ config: {} }, /image is required/],
    [{ config: { image: 'web', env: { A: 1 } } }, /config\.env\.A/],
    [
      { config: { image: 'web', guest: { cpu_kind: 'shared', cpus: 1, memory_mb: 4096 } } },
      /max config.guest.memory_mb: 2048/,
    ],
    [
      { config: { image: 'web', guest: { cpu_kind: 'performance', cpus: 1, memory_mb: 512 } } },
      /minimum required 2048 MiB/,
    ],
    [{ config: { image: 'web', guest: { cpu_kind: 'shared', cpus: 3 } } }, /guest.cpus/],
    [{ config: { image: 'web', size: 'shared-cpu-1x', guest: { cpus: 1 } } }, /mutually exclusive/],
    [{ config: { image: 'web', files: [{ guest_path: '/x', raw_value: '***' }] } }, /raw_value/],
    [{ config: { image: 'web', restart: { policy: 'sometimes' } } }, /restart\.policy/],
    [{ region: 'moon', config: { image: 'web' } }, /region moon not found/],
  ])('create refuses %j with 400', async (body, text) => {
    const { call, machines } = await startFly()
    const reply = await call('POST', machines, body)
    expect(reply.status).toBe(400)
    expect(reply.body.error).toMatch(text)
  })

  test('create accepts four shared CPUs with up to 8 GB, by guest or by size name', async () => {
    const { create } = await startFly()
    const guest = { cpu_kind: 'shared', cpus: 4, memory_mb: 4096 }
    expect((await create({ guest })).config.guest).toEqual(guest)
    expect((await create({ size: 'shared-cpu-4x' })).config.guest).toMatchObject({ cpus: 4, memory_mb: 1024 })
  })

  test('create takes the first region of a list, and one of its own for an alias', async () => {
    const { create } = await startFly()
    expect((await create({}, { region: 'fra,iad' })).region).toBe('fra')
    expect(['ams', 'arn', 'cdg', 'fra', 'lhr']).toContain((await create({}, { region: 'eu' })).region)
    expect((await create()).region).toBe('iad')
  })

  test('create refuses containers instead of ignoring them', async () => {
    const { call, machines } = await startFly()
    const containers = [{ name: 'one', image: 'web' }]
    expect((await call('POST', machines, { config: { image: 'web', containers } })).status).toBe(501)
  })

  test('a machine shows autostop as Fly does: a boolean, or the word suspend', async () => {
    const { create } = await startFly()
    const services = ['off', 'stop', 'suspend', true].map((autostop) => ({
      internal_port: 80,
      autostop,
      force_instance_key: null,
    }))
    const machine = await create({ services })
    expect(machine.config.services.map((service: Json) => service.autostop)).toEqual([
      false,
      true,
      'suspend',
      true,
    ])
    expect(machine.config.services[0].force_instance_key).toBeNull()
  })
})
