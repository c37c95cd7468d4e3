// The request that each verb of the Fly client sends.
import { describe, expect, it } from 'vitest'
import { createFlyClient } from '../../lib/fly/client.ts'
import type { FlyClient } from '../../lib/fly/client.ts'
import { empty, json, MACHINE, scriptedClient } from './scripted-client.ts'

describe('each verb makes its request', () => {
  const M = '/v1/apps/a/machines'
  const LEASE = { status: 'success', data: { nonce: 'n1', expires_at: 17 } }
  const rows: [
    name: string,
    call: (fly: FlyClient) => Promise<unknown>,
    request: string,
    body: unknown,
    reply: Response,
  ][] = [
    [
      'createMachine',
      (fly) => fly.createMachine('a', { name: 'w', region: 'fra' }),
      `POST ${M}`,
      { name: 'w', region: 'fra' },
      json(MACHINE),
    ],
    ['getMachine', (fly) => fly.getMachine('a', 'm'), `GET ${M}/m`, undefined, json(MACHINE)],
    ['listMachines', (fly) => fly.listMachines('a'), `GET ${M}?limit=1000`, undefined, json([])],
    [
      'listMachines with filters',
      (fly) =>
        fly.listMachines('a', {
          metadata: { workspace_id: 'w 1', kind: 'x' },
          state: ['started', 'stopped'],
          region: 'fra',
          summary: true,
          includeDeleted: false,
          pageSize: 50,
        }),
      `GET ${M}?limit=50&metadata.workspace_id=w+1&metadata.kind=x&state=started%2Cstopped&region=fra&summary=true&include_deleted=false`,
      undefined,
      json([]),
    ],
    [
      'updateMachine',
      (fly) => fly.updateMachine('a', 'm', { config: { image: 'i' } }),
      `POST ${M}/m`,
      { config: { image: 'i' } },
      json(MACHINE),
    ],
    [
      'updateMachine with a guard',
      (fly) => fly.updateMachine('a', 'm', { config: {} }, { currentVersion: 'v1' }),
      `POST ${M}/m`,
      { config: {}, current_version: 'v1' },
      json(MACHINE),
    ],
    [
      'startMachine',
      (fly) => fly.startMachine('a', 'm'),
      `POST ${M}/m/start`,
      undefined,
      json({ previous_state: 'stopped' }),
    ],
    ['stopMachine', (fly) => fly.stopMachine('a', 'm'), `POST ${M}/m/stop`, {}, json({ ok: true })],
    [
      'stopMachine with a signal',
      (fly) => fly.stopMachine('a', 'm', { signal: 'SIGTERM', timeout: '10s' }),
      `POST ${M}/m/stop`,
      { signal: 'SIGTERM', timeout: '10s' },
      empty(),
    ],
    [
      'suspendMachine',
      (fly) => fly.suspendMachine('a', 'm'),
      `POST ${M}/m/suspend`,
      undefined,
      json({ ok: true }),
    ],
    [
      'restartMachine',
      (fly) => fly.restartMachine('a', 'm'),
      `POST ${M}/m/restart`,
      undefined,
      json({ ok: true }),
    ],
    [
      'restartMachine by force',
      (fly) => fly.restartMachine('a', 'm', { timeoutSeconds: 10, force: true }),
      `POST ${M}/m/restart?timeout=10s&force_stop=true`,
      undefined,
      empty(),
    ],
    [
      'waitForMachine',
      (fly) =>
        fly.waitForMachine('a', 'm', { states: ['started', 'failed'], timeoutSeconds: 30, version: 'v' }),
      `GET ${M}/m/wait?state=started&state=failed&timeout=30&version=v`,
      undefined,
      json({ ok: true, state: 'started' }),
    ],
    ['destroyMachine', (fly) => fly.destroyMachine('a', 'm'), `DELETE ${M}/m`, undefined, json({ ok: true })],
    [
      'destroyMachine by force',
      (fly) => fly.destroyMachine('a', 'm', { force: true }),
      `DELETE ${M}/m?force=true`,
      undefined,
      json({ ok: true }),
    ],
    [
      'listEvents',
      (fly) => fly.listEvents('a', 'm', { limit: 5 }),
      `GET ${M}/m/events?limit=5`,
      undefined,
      json([{ id: 'e' }]),
    ],
    ['getMetadata', (fly) => fly.getMetadata('a', 'm'), `GET ${M}/m/metadata`, undefined, json({ k: 'v' })],
    [
      'setMetadata',
      (fly) => fly.setMetadata('a', 'm', 'k/1', 'v'),
      `POST ${M}/m/metadata/k%2F1`,
      { value: 'v' },
      empty(204),
    ],
    [
      'patchMetadata',
      (fly) => fly.patchMetadata('a', 'm', { k: 'v', gone: null }, { machineVersion: 'v1' }),
      `PATCH ${M}/m/metadata`,
      { metadata: { k: 'v', gone: null }, machine_version: 'v1' },
      empty(204),
    ],
    [
      'deleteMetadata',
      (fly) => fly.deleteMetadata('a', 'm', 'k'),
      `DELETE ${M}/m/metadata/k`,
      undefined,
      empty(204),
    ],
    [
      'acquireLease',
      (fly) => fly.acquireLease('a', 'm', { ttlSeconds: 30, description: 'update' }),
      `POST ${M}/m/lease`,
      { ttl: 30, description: 'update' },
      json(LEASE, 201),
    ],
    ['getLease', (fly) => fly.getLease('a', 'm'), `GET ${M}/m/lease`, undefined, json(LEASE)],
    [
      'releaseLease',
      (fly) => fly.releaseLease('a', 'm', 'n1'),
      `DELETE ${M}/m/lease`,
      undefined,
      json(LEASE),
    ],
    ['getApp', (fly) => fly.getApp('a'), 'GET /v1/apps/a', undefined, json({ name: 'a' })],
    [
      'createApp',
      (fly) => fly.createApp({ name: 'a', org: 'o', network: 'n' }),
      'POST /v1/apps',
      { name: 'a', org_slug: 'o', network: 'n' },
      json({ id: 'x', created_at: 1 }, 201),
    ],
    [
      'listIpAssignments',
      (fly) => fly.listIpAssignments('a'),
      'GET /v1/apps/a/ip_assignments',
      undefined,
      json({ ips: [] }),
    ],
    [
      'assignIp',
      (fly) => fly.assignIp('a', { type: 'shared_v4' }),
      'POST /v1/apps/a/ip_assignments',
      { type: 'shared_v4' },
      json({ ip: '1.2.3.4' }),
    ],
    ['currentToken', (fly) => fly.currentToken(), 'GET /v1/tokens/current', undefined, json({ tokens: [] })],
    ['listRegions', (fly) => fly.listRegions(), 'GET /v1/platform/regions', undefined, json({ regions: [] })],
  ]
  it.each(rows)('%s sends the documented request', async (_, call, request, body, reply) => {
    const { fly, sent } = scriptedClient([reply])
    await call(fly)
    expect(sent.map(({ method, url }) => `${method} ${url}`)).toEqual([
      request.replace(' ', ' https://api.machines.dev'),
    ])
    expect(sent[0]!.body).toEqual(body)
    expect(sent[0]!.headers.get('content-type')).toBe(body === undefined ? null : 'application/json')
  })

  it('a request carries the token, the user agent and the lease nonce', async () => {
    const { fly, sent } = scriptedClient([empty(), json({ ok: true })], { userAgent: 'molecule/1' })
    await fly.stopMachine('a', 'm', {}, { leaseNonce: 'n1' })
    await fly.releaseLease('a', 'm', 'n2')
    expect(Object.fromEntries(sent[0]!.headers)).toEqual({
      accept: 'application/json',
      authorization: 'FlyV1 fm2_secret',
      'content-type': 'application/json',
      'fly-machine-lease-nonce': 'n1',
      'user-agent': 'molecule/1',
    })
    expect(sent[1]!.headers.get('fly-machine-lease-nonce')).toBe('n2')
  })

  it('a base URL keeps its path', async () => {
    const { fly, sent } = scriptedClient([json({ name: 'a' })], { baseUrl: 'http://127.0.0.1:4280/fly/' })
    await fly.getApp('a')
    expect(sent[0]!.url).toBe('http://127.0.0.1:4280/fly/v1/apps/a')
  })

  it('every path segment is encoded, and a segment that changes the path is refused', async () => {
    const { fly, sent } = scriptedClient([json(MACHINE)])
    await fly.getMachine('a b', '../x?y')
    expect(sent[0]!.url).toBe('https://api.machines.dev/v1/apps/a%20b/machines/..%2Fx%3Fy')
    await expect(fly.destroyMachine('a', '')).rejects.toThrow(RangeError)
    await expect(fly.destroyMachine('a', '..')).rejects.toThrow(RangeError)
    expect(sent).toHaveLength(1)
  })
})

describe('making a client', () => {
  it('a client needs a token and a valid base URL', () => {
    const fetch = async () => empty()
    expect(() => createFlyClient({ token: ' ', fetch })).toThrow('the Fly token is empty')
    expect(() => createFlyClient({ token: 'x', fetch, baseUrl: 'nonsense' })).toThrow(TypeError)
  })
})
