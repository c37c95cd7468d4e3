// The emulated Machines API as a client meets it: apps, machines, leases, metadata, and the shapes of their replies.

import { describe, expect, test } from 'vitest'
import { eventually, startFly } from '../support/emulator.ts'
import type { Json } from '../support/emulator.ts'

describe('the door', () => {
  test('a call without a token, or with a wrong one, is 401', async () => {
    const { call } = await startFly({ tokens: ['good'] })
    const none = await call('GET', '/v1/apps/demo', undefined, { authorization: '' })
    expect(none).toMatchObject({ status: 401, body: { error: 'Authenticate: token validation error' } })
    expect((await call('GET', '/v1/apps/demo', undefined, { authorization: 'Bearer bad' })).status).toBe(401)
  })

  test('Bearer, FlyV1 and both in a row are the same token', async () => {
    const { call } = await startFly({ tokens: ['fm2_good'] })
    for (const authorization of ['Bearer fm2_good', 'FlyV1 fm2_good', 'Bearer FlyV1 fm2_good']) {
      expect((await call('GET', '/v1/apps/demo', undefined, { authorization })).status).toBe(200)
    }
  })

  test('an unknown path is 404, and a part of Fly that is not emulated says so with 501', async () => {
    const { call } = await startFly()
    expect((await call('GET', '/v1/nonsense')).status).toBe(404)
    const volumes = await call('GET', '/v1/apps/demo/volumes')
    expect(volumes).toMatchObject({ status: 501, body: { error: 'the emulator has no volumes' } })
    expect((await call('POST', '/v1/apps/demo/secretkeys/x', {})).status).toBe(501)
  })

  test('malformed JSON is 400, never 500', async () => {
    const { call, machines } = await startFly()
    expect((await call('POST', machines, '{"config":')).status).toBe(400)
    expect((await call('POST', machines, '[]')).status).toBe(400)
    expect((await call('POST', machines, 'null')).status).toBe(400)
    expect((await call('POST', machines)).status).toBe(400)
    expect((await call('POST', '/v1/apps', '7')).status).toBe(400)
  })

  test('every reply names its request', async () => {
    const { call } = await startFly()
    expect((await call('GET', '/v1/apps/demo')).headers.get('fly-request-id')).toMatch(
      /^[0-9A-Z]{26}-[a-z]{3}$/,
    )
    expect((await call('GET', '/v1/nonsense')).headers.get('fly-request-id')).toMatch(
      /^[0-9A-Z]{26}-[a-z]{3}$/,
    )
  })
})

describe('apps', () => {
  test('an app is made under either field name, once', async () => {
    const { call } = await startFly()
    const made = await call('POST', '/v1/apps', { app_name: 'one', org_slug: 'personal', network: 'net-1' })
    expect(made).toMatchObject({ status: 201, body: { name: 'one', network: 'net-1', status: 'pending' } })
    expect(made.body.created_at).toBeTypeOf('number')
    const again = await call('POST', '/v1/apps', { name: 'one', org_slug: 'personal' })
    expect(again).toMatchObject({ status: 422, body: { status: 'name_taken' } })
    expect((await call('GET', '/v1/apps/one')).body.organization.slug).toBe('personal')
  })

  test("somebody else's app is taken at create and forbidden at get", async () => {
    const { call } = await startFly({ foreignApps: ['theirs'] })
    expect((await call('POST', '/v1/apps', { name: 'theirs', org_slug: 'personal' })).status).toBe(422)
    expect((await call('GET', '/v1/apps/theirs')).status).toBe(403)
    expect((await call('GET', '/v1/apps/nobodys')).status).toBe(404)
  })

  test('apps are listed for an organization', async () => {
    const { call } = await startFly()
    expect((await call('GET', '/v1/apps')).status).toBe(400)
    const listed = await call('GET', '/v1/apps?org_slug=personal')
    expect(listed.body).toMatchObject({ total_apps: 1, apps: [{ name: 'demo', machine_count: 0 }] })
  })

  test('deleting an app destroys its machines and frees its name', async () => {
    const { call, started, emulator } = await startFly()
    await started()
    expect((await call('DELETE', '/v1/apps/demo?force=true')).status).toBe(202)
    await eventually(async () => (await call('GET', '/v1/apps/demo')).status === 404)
    expect(emulator.machines()).toMatchObject([{ state: 'destroyed', destroyed: true }])
    await call('POST', '/v1/apps', { name: 'demo', org_slug: 'personal' })
    expect((await call('GET', '/v1/apps/demo/machines?include_deleted=true')).body).toEqual([])
  })

  test('addresses come and go', async () => {
    const { call } = await startFly()
    await call('POST', '/v1/apps', { name: 'two', org_slug: 'personal' })
    const path = '/v1/apps/two/ip_assignments'
    expect((await call('GET', path)).body).toEqual({ ips: [] })
    const given = await call('POST', path, { type: 'shared_v4' })
    expect(given).toMatchObject({ status: 200, body: { shared: true } })
    expect((await call('POST', path, { type: 'nonsense' })).status).toBe(400)
    expect((await call('DELETE', `${path}/${given.body.ip}`)).status).toBe(204)
    expect((await call('DELETE', `${path}/${given.body.ip}`)).status).toBe(404)
  })

  test('a deploy token is good for its own app only', async () => {
    const { call } = await startFly()
    await call('POST', '/v1/apps', { name: 'other', org_slug: 'personal' })
    const { token } = (await call('POST', '/v1/apps/demo/deploy_token', { expiry: '1h' })).body
    const authorization = `Bearer ${token}`
    expect((await call('GET', '/v1/apps/demo', undefined, { authorization })).status).toBe(200)
    expect((await call('GET', '/v1/apps/other', undefined, { authorization })).status).toBe(403)
  })
})

describe('creating a machine', () => {
  test('answers 200 with a created machine that flyctl can read', async () => {
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
    expect(machine.events).toMatchObject([{ type: 'launch', status: 'created', source: 'user' }])
  })

  test('a pinned digest is kept', async () => {
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

  test('a name is unique among living machines, and the refusal names the holder', async () => {
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

  test('two creates of one name at the same time make one machine', async () => {
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
  ])('refuses %j with 400', async (body, text) => {
    const { call, machines } = await startFly()
    const reply = await call('POST', machines, body)
    expect(reply.status).toBe(400)
    expect(reply.body.error).toMatch(text)
  })

  test('sizes of four shared CPUs go up to 8 GB, by guest or by name', async () => {
    const { create } = await startFly()
    const guest = { cpu_kind: 'shared', cpus: 4, memory_mb: 4096 }
    expect((await create({ guest })).config.guest).toEqual(guest)
    expect((await create({ size: 'shared-cpu-4x' })).config.guest).toMatchObject({ cpus: 4, memory_mb: 1024 })
  })

  test('a region list takes the first, an alias one of its own', async () => {
    const { create } = await startFly()
    expect((await create({}, { region: 'fra,iad' })).region).toBe('fra')
    expect(['ams', 'arn', 'cdg', 'fra', 'lhr']).toContain((await create({}, { region: 'eu' })).region)
    expect((await create()).region).toBe('iad')
  })

  test('volumes and containers are refused rather than ignored', async () => {
    const { call, machines } = await startFly()
    const mounts = [{ volume: 'vol_1', path: '/data' }]
    expect((await call('POST', machines, { config: { image: 'web', mounts } })).status).toBe(501)
  })

  test('autostop is given back as Fly does: booleans but for suspend', async () => {
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

describe('listing machines', () => {
  test('filters by metadata, state and region, and hides destroyed ones', async () => {
    const { call, machines, started, wait } = await startFly()
    const a = await started({ metadata: { tenant: 'a', kind: 'x' } }, { region: 'fra' })
    const b = await started({ metadata: { tenant: 'b', kind: 'x' } })
    const ids = async (query: string): Promise<string[]> =>
      ((await call('GET', `${machines}?${query}`)).body as unknown as Json[]).map((machine) => machine.id)
    expect(await ids('metadata.tenant=a')).toEqual([a.id])
    expect(await ids('metadata.kind=x&metadata.tenant=b')).toEqual([b.id])
    expect(await ids('region=fra')).toEqual([a.id])
    expect(await ids('state=stopped,suspended')).toEqual([])
    await call('DELETE', `${machines}/${a.id}?kill=true`)
    await wait(a.id, 'destroyed')
    expect(await ids('')).toEqual([b.id])
    expect(new Set(await ids('include_deleted=true'))).toEqual(new Set([a.id, b.id]))
  })

  test('a summary leaves the heavy fields out', async () => {
    const { call, machines, create } = await startFly()
    await create()
    const [row] = (await call('GET', `${machines}?summary=true`)).body as unknown as Json[]
    expect(row).toHaveProperty('state')
    for (const field of ['config', 'checks', 'events', 'host_status']) expect(row).not.toHaveProperty(field)
  })

  test('pages by limit and a cursor in a header, until the header is absent', async () => {
    const { call, machines, create } = await startFly()
    for (let i = 0; i < 5; i++) await create({}, { name: `m${i}` })
    const names: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page = await call(
        'GET',
        `${machines}?limit=2${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      )
      names.push(...(page.body as unknown as Json[]).map((machine) => machine.name))
      cursor = page.headers.get('fly-next-cursor')
    }
    expect(names.toSorted()).toEqual(['m0', 'm1', 'm2', 'm3', 'm4'])
    expect((await call('GET', `${machines}?cursor=abc`)).status).toBe(400)
    expect((await call('GET', `${machines}?limit=0`)).status).toBe(400)
  })

  test("an organization's machines are listed oldest change first, from a moment on", async () => {
    const { call, started } = await startFly()
    await started({ metadata: { k: 'v' } })
    const { body } = await call('GET', '/v1/orgs/personal/machines')
    expect(body).toMatchObject({
      machines: [{ app_name: 'demo', state: 'started', config: { image: 'web', metadata: { k: 'v' } } }],
      error_regions: [],
    })
    const later = new Date(Date.now() + 1000).toISOString()
    expect((await call('GET', `/v1/orgs/personal/machines?updated_after=${later}`)).body.machines).toEqual([])
    expect((await call('GET', '/v1/orgs/strangers/machines')).status).toBe(404)
  })
})

describe('leases', () => {
  test('while one is held every write without its nonce is 409, and with it is let through', async () => {
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

  test('a lease runs out by itself', async () => {
    let time = Date.now()
    const { call, machines, started } = await startFly({ now: () => time })
    const { id } = await started()
    await call('POST', `${machines}/${id}/lease`, { ttl: 10 })
    expect((await call('POST', `${machines}/${id}/cordon`)).status).toBe(409)
    time += 10_001
    expect((await call('POST', `${machines}/${id}/cordon`)).status).toBe(200)
  })

  test('a create with lease_ttl gives its nonce once, and lists show the lease without it', async () => {
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
  test('is merged by PATCH and PUT alike, and a null or empty value removes', async () => {
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

  test('is guarded by a machine version with 412', async () => {
    const { call, machines, create } = await startFly()
    const { id, version } = await create()
    const path = `${machines}/${id}/metadata`
    expect((await call('PATCH', path, { metadata: { a: 'b' }, machine_version: 'other' })).status).toBe(412)
    expect((await call('PATCH', path, { metadata: { a: 'b' }, machine_version: version })).status).toBe(204)
    expect((await call('PATCH', path, { metadata: { a: 7 } })).status).toBe(400)
  })
})

describe('rate limits', () => {
  test('three starts of one machine in a second are let through, the fourth is 429', async () => {
    const { call, machines, started } = await startFly({ rateLimits: true })
    const { id } = await started()
    const start = () => call('POST', `${machines}/${id}/start`)
    for (let i = 0; i < 3; i++) expect((await start()).status).toBe(200)
    expect((await start()).status).toBe(429)
  })

  test('reading a machine is let through ten times, and each action counts alone', async () => {
    const { call, machines, create } = await startFly({ rateLimits: true })
    const { id } = await create()
    const statuses: number[] = []
    for (let i = 0; i < 11; i++) statuses.push((await call('GET', `${machines}/${id}`)).status)
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 200), 429])
    expect((await call('GET', `${machines}/${id}/events`)).status).toBe(200)
  })

  test('tokens come back with time', async () => {
    let time = Date.now()
    const { call, machines } = await startFly({ rateLimits: true, now: () => time })
    const statuses: number[] = []
    for (let i = 0; i < 4; i++) statuses.push((await call('GET', machines)).status)
    time += 1000
    statuses.push((await call('GET', machines)).status)
    expect(statuses).toEqual([200, 200, 200, 429, 200])
  })
})

describe('flyctl', () => {
  test('can stop and destroy a machine by the calls it makes, in its order', async () => {
    const { call, machines, started, get, wait } = await startFly({ rateLimits: true })
    const { id } = await started()
    const path = `${machines}/${id}`
    const withLease = async (work: (held: Record<string, string>) => Promise<void>): Promise<number> => {
      const { instance_id } = await get(id)
      const { data } = (await call('POST', `${path}/lease?ttl=120`)).body
      expect(data.version).toBe(instance_id)
      const held = { 'fly-machine-lease-nonce': data.nonce }
      await work(held)
      return (await call('DELETE', `${path}/lease`, undefined, held)).status
    }
    const released = await withLease(async (held) => {
      expect((await call('POST', `${path}/stop`, { id, timeout: '0s' }, held)).status).toBe(200)
      expect((await call('GET', `${path}/wait?state=stopped&timeout=60`)).status).toBe(200)
    })
    expect(released).toBe(200)
    const afterwards = await withLease(async (held) => {
      expect((await call('DELETE', `${path}?kill=false`, undefined, held)).status).toBe(200)
      await wait(id, 'destroyed')
    })
    // flyctl tolerates that the lease went with the machine.
    expect(afterwards).toBe(404)
  })
})

describe('GraphQL for flyctl', () => {
  test('knows apps, machines and organizations by the fields flyctl asks for', async () => {
    const { call, create } = await startFly()
    const { id } = await create()
    const ask = async (query: string, variables: Json) =>
      (await call('POST', '/graphql', { query, variables })).body
    const compact = await ask('query($appName: String!){ appcompact:app(name: $appName){ id } }', {
      appName: 'demo',
    })
    expect(compact.data.appcompact).toMatchObject({
      name: 'demo',
      platformVersion: 'machines',
      organization: { slug: 'personal' },
    })
    const machine = await ask(
      'query($machineId: String!){ gqlmachine:machine(machineId: $machineId){ id } }',
      { machineId: id },
    )
    expect(machine.data.gqlmachine).toMatchObject({ id, app: { name: 'demo' } })
    const apps = await ask(
      'query($org: ID){ apps(type: "container", first: 200, organizationId: $org){ nodes { id } } }',
      {},
    )
    expect(apps.data.apps.nodes).toMatchObject([{ name: 'demo' }])
    const organization = await ask('query($slug: String!){ organization(slug: $slug){ id } }', {
      slug: 'personal',
    })
    expect(organization.data.organization.slug).toBe('personal')
  })

  test('a missing app is an error, not a null', async () => {
    const { call } = await startFly()
    const query = 'query($appName: String!){ appcompact:app(name: $appName){ id } }'
    const reply = await call('POST', '/graphql', { query, variables: { appName: 'nope' } })
    expect(reply.body.errors[0].extensions.code).toBe('NOT_FOUND')
    expect(reply.body).not.toHaveProperty('data')
  })
})
