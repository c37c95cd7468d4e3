// What holds for every request to the emulated Machines API: tokens, unknown paths, malformed bodies, request ids.

import { describe, expect, test } from 'vitest'
import { startFly } from '../support/emulator.ts'

describe('requests', () => {
  test('a request without a token or with a wrong one answers 401', async () => {
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

  test('an unknown path answers 404, and a part of Fly that is not emulated answers 501 by name', async () => {
    const { call } = await startFly()
    expect((await call('GET', '/v1/nonsense')).status).toBe(404)
    const keys = await call('POST', '/v1/apps/demo/secretkeys/x', {})
    expect(keys).toMatchObject({ status: 501, body: { error: 'the emulator has no secret keys' } })
    expect((await call('GET', '/v1/apps/demo/certificates')).status).toBe(501)
  })

  test('malformed JSON answers 400 and never 500', async () => {
    const { call, machines } = await startFly()
    expect((await call('POST', machines, '{"config":')).status).toBe(400)
    expect((await call('POST', machines, '[]')).status).toBe(400)
    expect((await call('POST', machines, 'null')).status).toBe(400)
    expect((await call('POST', machines)).status).toBe(400)
    expect((await call('POST', '/v1/apps', '7')).status).toBe(400)
  })

  test('every reply carries a fly-request-id', async () => {
    const { call } = await startFly()
    expect((await call('GET', '/v1/apps/demo')).headers.get('fly-request-id')).toMatch(
      /^[0-9A-Z]{26}-[a-z]{3}$/,
    )
    expect((await call('GET', '/v1/nonsense')).headers.get('fly-request-id')).toMatch(
      /^[0-9A-Z]{26}-[a-z]{3}$/,
    )
  })
})
