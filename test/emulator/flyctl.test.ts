// The calls that flyctl makes, in its order and with its bodies, as its source has them.

import { expect, test } from 'vitest'
import { startFly } from '../support/emulator.ts'

test('the calls of flyctl stop and destroy a machine, in its order', async () => {
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
  // The lease went with the machine, which flyctl tolerates.
  expect(afterwards).toBe(404)
})

test('a destroyed machine can be leased, so that `machine destroy` of it does not retry for a minute', async () => {
  const { call, machines, started, wait, get } = await startFly()
  const { id } = await started()
  await call('DELETE', `${machines}/${id}?force=true`)
  await wait(id, 'destroyed')
  const lease = await call('POST', `${machines}/${id}/lease?ttl=120`)
  expect(lease).toMatchObject({ status: 201, body: { data: { nonce: expect.any(String) } } })
  expect((await get(id)).state).toBe('destroyed')
  const held = { 'fly-machine-lease-nonce': lease.body.data.nonce }
  expect((await call('DELETE', `${machines}/${id}/lease`, undefined, held)).status).toBe(200)
})

test('api.fly.io answers the organizations that `machine run` and `machine update` look up', async () => {
  const { call } = await startFly({ organization: 'acme' })
  const one = { slug: 'acme', raw_slug: 'acme', billable: true, internal_numeric_id: 1 }
  expect((await call('GET', '/api/v1/organizations/acme')).body.organization).toMatchObject(one)
  expect((await call('GET', '/api/v1/organizations?admin=false')).body.organizations).toMatchObject([one])
  expect((await call('GET', '/api/v1/organizations/strangers')).status).toBe(404)
  expect((await call('POST', '/api/v1/builds', { app_name: 'demo' })).body.id).toEqual(expect.any(Number))
  expect((await call('GET', '/api/v1/postgres/x')).status).toBe(501)
})

test('releases of `fly deploy` are created, completed, and listed newest first', async () => {
  const { call } = await startFly()
  expect((await call('GET', '/api/v1/apps/demo/releases/current')).status).toBe(404)
  for (const image of ['web:1', 'web:2']) {
    const made = await call('POST', '/api/v1/releases', { app_name: 'demo', image, strategy: 'ROLLING' })
    expect(made).toMatchObject({ status: 201, body: { release: { status: 'pending', stable: false } } })
    const done = await call('PATCH', `/api/v1/releases/${made.body.release.id}`, { status: 'complete' })
    expect(done).toMatchObject({ status: 200, body: { status: 'complete', stable: true } })
  }
  const { releases } = (await call('GET', '/api/v1/apps/demo/releases?limit=5')).body
  expect(releases).toMatchObject([
    { version: 2, image_ref: 'web:2' },
    { version: 1, image_ref: 'web:1' },
  ])
  expect((await call('GET', '/api/v1/apps/demo/releases/current')).body.version).toBe(2)
  const query =
    'query($n: String!){ app(name: $n){ releases: releasesUnprocessed(first: 1){ nodes { version imageRef } } } }'
  const reply = await call('POST', '/graphql', { query, variables: { n: 'demo' } })
  expect(reply.body.data.app.releases.nodes).toEqual([{ version: 2, imageRef: 'web:2' }])
  expect((await call('PATCH', '/api/v1/releases/none', { status: 'complete' })).status).toBe(404)
  expect((await call('POST', '/api/v1/releases', {})).status).toBe(400)
})

test('a deploy token cannot create a release of another app', async () => {
  const { call, emulator } = await startFly()
  emulator.createApp('other')
  const { token } = (await call('POST', '/v1/apps/demo/deploy_token', { expiry: '1h' })).body
  const release = (name: string) =>
    call('POST', '/api/v1/releases', { app_name: name, image: 'web' }, { authorization: token })
  expect((await release('demo')).status).toBe(201)
  expect((await release('other')).status).toBe(404)
})

test('GraphQL names the app, state and snapshots of a volume, and an unknown volume is an error', async () => {
  const { call, disk, volumes } = await startFly()
  const { id } = await disk()
  await call('POST', `${volumes}/${id}/snapshots`)
  const query =
    'query($id: ID!) { volume: volume(id: $id) { ... on Volume { app { name } state snapshots { nodes { size retentionDays } } } } }'
  const ask = (of: string) => call('POST', '/graphql', { query, variables: { id: of } })
  expect((await ask(id)).body.data).toEqual({
    volume: {
      app: { name: 'demo' },
      state: 'created',
      snapshots: { nodes: [{ size: '0', retentionDays: 5 }] },
    },
  })
  expect((await ask('vol_x')).body.errors).toMatchObject([{ message: 'Could not find Volume' }])
})
