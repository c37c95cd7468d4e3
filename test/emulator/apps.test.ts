// Apps, their IP addresses and their deploy tokens in the emulated Machines API.

import { describe, expect, test } from 'vitest'
import { eventually, startFly } from '../support/emulator.ts'

describe('apps', () => {
  test('an app is created under the name in `name` or `app_name`, and a second time is refused', async () => {
    const { call } = await startFly()
    const made = await call('POST', '/v1/apps', { app_name: 'one', org_slug: 'personal', network: 'net-1' })
    expect(made).toMatchObject({ status: 201, body: { name: 'one', network: 'net-1', status: 'pending' } })
    expect(made.body.created_at).toBeTypeOf('number')
    const again = await call('POST', '/v1/apps', { name: 'one', org_slug: 'personal' })
    expect(again).toMatchObject({ status: 422, body: { status: 'name_taken' } })
    expect((await call('GET', '/v1/apps/one')).body.organization.slug).toBe('personal')
  })

  test('the app of another organization answers 422 to create and 403 to get', async () => {
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

  test('IP addresses of an app are allocated, listed and released', async () => {
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
    expect(await call('GET', '/v1/apps/other', undefined, { authorization })).toMatchObject({
      status: 403,
      body: { error: 'unauthorized' },
    })
    expect((await call('GET', '/v1/orgs/personal/machines', undefined, { authorization })).status).toBe(403)
  })

  test('a deploy token may ask who it is and which regions there are', async () => {
    const { call } = await startFly({ tokens: ['test'] })
    const { token } = (await call('POST', '/v1/apps/demo/deploy_token', { expiry: '1h' })).body
    const authorization = `Bearer ${token}`
    const current = await call('GET', '/v1/tokens/current', undefined, { authorization })
    expect(current).toMatchObject({
      status: 200,
      body: { tokens: [{ org_slug: 'personal', apps: ['demo'] }] },
    })
    expect((await call('GET', '/v1/platform/regions', undefined, { authorization })).status).toBe(200)
  })

  test('a deploy token is a macaroon that flyctl can decode', async () => {
    const { call } = await startFly()
    const { token } = (await call('POST', '/v1/apps/demo/deploy_token', { expiry: '1h' })).body
    const [, base64 = ''] = /^FlyV1 fm2_(.+)$/.exec(token) ?? expect.fail(token)
    const decoded = Buffer.from(base64, 'base64')
    // MessagePack: an array of four, whose first item is the nonce, an array of three.
    expect([...decoded.subarray(0, 2)]).toEqual([0x94, 0x93])
    expect(decoded.toString('latin1')).toContain('https://api.fly.io/v1')
  })

  test('a deploy token requested without a body answers 400 with EOF', async () => {
    const { call } = await startFly()
    expect(await call('POST', '/v1/apps/demo/deploy_token')).toMatchObject({
      status: 400,
      body: { error: 'EOF' },
    })
  })

  test('a second request for a shared address answers the first one', async () => {
    const { call } = await startFly()
    const path = '/v1/apps/demo/ip_assignments'
    const first = await call('POST', path, { type: 'shared_v4', region: '', network: '', service_name: '' })
    const second = await call('POST', path, { type: 'shared_v4' })
    expect(second.body).toEqual(first.body)
    expect((await call('GET', path)).body.ips).toHaveLength(2)
  })
})
