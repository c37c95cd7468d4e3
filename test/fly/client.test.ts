import { describe, expect, it, vi } from 'vitest'
import { createFlyClient } from '../../lib/fly/client.ts'
import type { FlyCall, FlyClient, FlyClientOptions } from '../../lib/fly/client.ts'
import { FlyError } from '../../lib/fly/errors.ts'

type Reply = Response | Error | ((signal: AbortSignal) => Response | Promise<Response>)
type Sent = { method: string; url: string; headers: Headers; body: unknown }

const TOKEN = 'fm2_secret'
const MACHINE = { id: '148e1', state: 'created' }

/** A Fly that answers from a script, in order, and fails loudly when the script is over. Time passes only in sleeps. */
function scripted(replies: Reply[], options: Partial<FlyClientOptions> = {}) {
  const sent: Sent[] = []
  const slept: number[] = []
  const calls: FlyCall[] = []
  let clock = 0
  async function fetch(this: unknown, url: unknown, init: RequestInit): Promise<Response> {
    if (this !== undefined) throw new TypeError('Illegal invocation')
    const body = init.body === undefined ? undefined : JSON.parse(init.body as string)
    sent.push({ method: init.method!, url: String(url), headers: init.headers as Headers, body })
    const reply = replies.shift()
    if (reply === undefined) throw new Error('nothing left in the script')
    if (reply instanceof Error) throw reply
    return typeof reply === 'function' ? reply(init.signal!) : reply
  }
  const fly = createFlyClient({
    token: TOKEN,
    fetch: fetch as typeof globalThis.fetch,
    now: () => clock,
    random: () => 0.5,
    sleep: async (ms) => {
      slept.push(ms)
      clock += ms
    },
    onCall: (call) => calls.push(call),
    ...options,
  })
  return { fly, sent, slept, calls }
}

const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers })
const refusal = (status: number, error = '', headers: Record<string, string> = {}) =>
  json({ error }, status, headers)
const empty = (status = 200) => new Response(null, { status })

/** What the promise rejects with, which must be a FlyError. */
async function failureOf(work: Promise<unknown>): Promise<FlyError> {
  const error = await work.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  )
  if (!(error instanceof FlyError)) throw error
  return error
}

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
  it.each(rows)('%s', async (_, call, request, body, reply) => {
    const { fly, sent } = scripted([reply])
    await call(fly)
    expect(sent.map(({ method, url }) => `${method} ${url}`)).toEqual([
      request.replace(' ', ' https://api.machines.dev'),
    ])
    expect(sent[0]!.body).toEqual(body)
    expect(sent[0]!.headers.get('content-type')).toBe(body === undefined ? null : 'application/json')
  })

  it('a request carries the token, the user agent and the lease nonce', async () => {
    const { fly, sent } = scripted([empty(), json({ ok: true })], { userAgent: 'molecule/1' })
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
    const { fly, sent } = scripted([json({ name: 'a' })], { baseUrl: 'http://127.0.0.1:4280/fly/' })
    await fly.getApp('a')
    expect(sent[0]!.url).toBe('http://127.0.0.1:4280/fly/v1/apps/a')
  })

  it('every path segment is encoded, and a segment that changes the path is refused', async () => {
    const { fly, sent } = scripted([json(MACHINE)])
    await fly.getMachine('a b', '../x?y')
    expect(sent[0]!.url).toBe('https://api.machines.dev/v1/apps/a%20b/machines/..%2Fx%3Fy')
    await expect(fly.destroyMachine('a', '')).rejects.toThrow(RangeError)
    await expect(fly.destroyMachine('a', '..')).rejects.toThrow(RangeError)
    expect(sent).toHaveLength(1)
  })
})

describe('answers', () => {
  it('answers keep unknown fields', async () => {
    const { fly } = scripted([json({ ...MACHINE, config: null, brand_new: 1 })])
    expect(await fly.getMachine('a', 'm')).toEqual({ ...MACHINE, config: null, brand_new: 1 })
  })

  it.each([
    ['no id', '{"state":"started"}'],
    ['no state', '{"id":"m"}'],
    ['a numeric id', '{"id":1,"state":"started"}'],
    ['HTML', '<html></html>'],
    ['nothing', ''],
  ])('to create that hold %s are an error after which the machine may exist', async (_, body) => {
    const { fly, sent } = scripted([new Response(body)])
    const error = await failureOf(fly.createMachine('a', {}))
    expect(error).toMatchObject({ code: 'malformed_answer', status: 200, applied: 'unknown' })
    expect(sent).toHaveLength(1)
  })

  it('the answer to a start may be empty', async () => {
    const { fly } = scripted([empty(), json({ previous_state: 'stopped', migrated: true })])
    expect(await fly.startMachine('a', 'm')).toEqual({})
    expect(await fly.startMachine('a', 'm')).toEqual({ previous_state: 'stopped', migrated: true })
  })

  it('leases are read with and without their envelope', async () => {
    const lease = { nonce: 'n', expires_at: 17, owner: 'x@y' }
    const { fly } = scripted([json({ status: 'success', data: lease }, 201), json(lease)])
    expect(await fly.acquireLease('a', 'm', { ttlSeconds: 5, description: '' })).toEqual(lease)
    expect(await fly.getLease('a', 'm')).toEqual(lease)
  })

  it('a free lease is null, and a missing machine is an error', async () => {
    const { fly } = scripted([refusal(404, 'lease not found'), refusal(404, 'machine not found')])
    expect(await fly.getLease('a', 'm')).toBeNull()
    expect(await failureOf(fly.getLease('a', 'm'))).toMatchObject({ code: 'machine_not_found' })
  })

  it.each([
    { Regions: [{ Code: 'fra', GatewayAvailable: true }], Nearest: 'fra' },
    { Regions: [{ code: 'fra', gateway_available: true }], Nearest: 'fra' },
    { regions: [{ code: 'fra', gateway_available: true }], nearest: 'fra' },
  ])('about regions are read in any spelling: %j', async (body) => {
    const { fly } = scripted([json(body)])
    expect(await fly.listRegions()).toEqual({
      regions: [{ code: 'fra', gateway_available: true }],
      nearest: 'fra',
    })
  })

  it('a 404 to a removal means that it is done', async () => {
    const gone = () => refusal(404, 'machine not found')
    const { fly } = scripted([gone(), gone(), gone(), json({ ok: true })])
    expect(await fly.destroyMachine('a', 'm')).toEqual({ found: false })
    expect(await fly.deleteMetadata('a', 'm', 'k')).toEqual({ found: false })
    expect(await fly.releaseLease('a', 'm', 'n')).toEqual({ found: false })
    expect(await fly.destroyMachine('a', 'm')).toEqual({ found: true })
  })
})

describe('listing', () => {
  it('listing follows the cursor over an empty page to the end', async () => {
    const { fly, sent } = scripted([
      json([{ id: '1', state: 'started' }], 200, { 'fly-next-cursor': 'c 1' }),
      json([], 200, { 'fly-next-cursor': 'c2' }),
      json([{ id: '2', state: 'stopped' }]),
    ])
    const machines = await fly.listMachines('a', { pageSize: 1, state: ['started'] })
    expect(machines.map(({ id }) => id)).toEqual(['1', '2'])
    expect(sent.map(({ url }) => new URL(url).search)).toEqual([
      '?limit=1&state=started',
      '?limit=1&state=started&cursor=c+1',
      '?limit=1&state=started&cursor=c2',
    ])
  })

  it('listing can stop after any page', async () => {
    const { fly, sent } = scripted([json([MACHINE], 200, { 'fly-next-cursor': 'c1' })])
    for await (const page of fly.listMachinePages('a')) {
      expect(page).toEqual([MACHINE])
      break
    }
    expect(sent).toHaveLength(1)
  })

  it('listing stops at a repeated cursor', async () => {
    const page = () => json([], 200, { 'fly-next-cursor': 'c1' })
    const { fly } = scripted([page(), page(), page()])
    expect(await failureOf(fly.listMachines('a'))).toMatchObject({ code: 'malformed_answer' })
  })
})

describe('waiting', () => {
  it('waiting reports the state that was reached', async () => {
    const { fly } = scripted([json({ ok: true, state: 'failed', version: 'v', event_id: 'e' })])
    const outcome = await fly.waitForMachine('a', 'm', { states: ['started', 'failed'], timeoutSeconds: 60 })
    expect(outcome).toEqual({ reached: true, state: 'failed', version: 'v', eventId: 'e' })
  })

  it('a 408 while waiting means not yet, and needs no body', async () => {
    const { fly, sent } = scripted([empty(408)])
    expect(await fly.waitForMachine('a', 'm', { states: ['started'], timeoutSeconds: 1 })).toEqual({
      reached: false,
    })
    expect(sent).toHaveLength(1)
  })

  it('waiting for destroyed ends when the machine is unknown; other waits fail', async () => {
    const { fly } = scripted([refusal(404, 'machine not found'), refusal(404, 'machine not found')])
    expect(await fly.waitForMachine('a', 'm', { states: ['destroyed'], timeoutSeconds: 1 })).toEqual({
      reached: true,
      state: 'destroyed',
    })
    const error = await failureOf(
      fly.waitForMachine('a', 'm', { states: ['started', 'destroyed'], timeoutSeconds: 1 }),
    )
    expect(error).toMatchObject({ code: 'machine_not_found', status: 404 })
  })

  it.each([0, 61, 1.5, -1, Number.NaN])(
    'for %d seconds is a mistake, not something to correct',
    async (timeoutSeconds) => {
      const { fly, sent } = scripted([])
      await expect(fly.waitForMachine('a', 'm', { states: ['started'], timeoutSeconds })).rejects.toThrow(
        RangeError,
      )
      expect(sent).toEqual([])
    },
  )

  it('waiting without a state, or with a shorter client time-out, is an error', async () => {
    const { fly } = scripted([])
    await expect(fly.waitForMachine('a', 'm', { states: [], timeoutSeconds: 1 })).rejects.toThrow(RangeError)
    const cut = fly.waitForMachine('a', 'm', { states: ['started'], timeoutSeconds: 1 }, { timeoutMs: 1000 })
    await expect(cut).rejects.toThrow(RangeError)
  })

  it('client time-outs: ten seconds beyond a wait, forty for a create, fifteen otherwise', async () => {
    const timeout = vi.spyOn(AbortSignal, 'timeout')
    const { fly } = scripted([json({ state: 'started' }), json(MACHINE), json(MACHINE), json(MACHINE)])
    await fly.waitForMachine('a', 'm', { states: ['started'], timeoutSeconds: 60 })
    await fly.createMachine('a', {})
    await fly.getMachine('a', 'm')
    await fly.getMachine('a', 'm', { timeoutMs: 700 })
    expect(timeout.mock.calls).toEqual([[70_000], [40_000], [15_000], [700]])
    timeout.mockRestore()
  })
})

describe('creating an app', () => {
  const input = { name: 'a', org: 'o', network: 'n' }
  const taken = () =>
    json({ error: 'Validation failed: Name has already been taken', status: 'name_taken' }, 422)
  const ours = { name: 'a', network: 'n', organization: { slug: 'o' } }

  it('creating an app reports a new app', async () => {
    const { fly } = scripted([json({ id: 'x', created_at: 1 }, 201)])
    expect(await fly.createApp(input)).toEqual({ name: 'a', created: true })
  })

  it('creating an app finds the app of an earlier attempt', async () => {
    const { fly, sent } = scripted([empty(503), taken(), json(ours)])
    expect(await fly.createApp(input)).toEqual({ name: 'a', created: false, app: ours })
    expect(sent.map(({ method }) => method)).toEqual(['POST', 'POST', 'GET'])
  })

  it.each([
    ['in another organisation', json({ ...ours, organization: { slug: 'x' } })],
    ['that we may not see', refusal(403)],
  ])('fails for a name that is taken %s', async (_, look) => {
    const { fly } = scripted([taken(), look])
    expect(await failureOf(fly.createApp(input))).toMatchObject({ code: 'app_name_taken', status: 422 })
  })

  it('creating an app looks after a lost answer and reports the doubt if it finds nothing', async () => {
    const lost = () => new Error('socket hang up')
    const { fly } = scripted([lost(), lost(), lost(), json(ours), lost(), lost(), lost(), refusal(404)])
    expect(await fly.createApp(input)).toMatchObject({ created: false })
    expect(await failureOf(fly.createApp(input))).toMatchObject({ code: 'network', applied: 'unknown' })
  })

  it('creating an app does not look after a refusal', async () => {
    const { fly, sent } = scripted([refusal(422, 'Validation failed: Name is too long')])
    expect(await failureOf(fly.createApp(input))).toMatchObject({ code: 'invalid_request', applied: 'no' })
    expect(sent).toHaveLength(1)
  })
})

describe('a failure', () => {
  it('a failure carries code, status, request id and whether it was applied', async () => {
    const text =
      'already_exists: unique machine name violation, machine ID 148e9 already exists with name "w"'
    const { fly } = scripted([refusal(409, text, { 'fly-request-id': '01ABC-fra' })])
    const error = await failureOf(fly.createMachine('a', { name: 'w' }))
    expect(error).toMatchObject({
      name: 'FlyError',
      action: 'create_machine',
      code: 'name_taken',
      status: 409,
      retryable: false,
      applied: 'no',
      existingMachineId: '148e9',
      requestId: '01ABC-fra',
    })
    expect(error.message).toBe(`create_machine: Fly answered 409: ${text}`)
  })

  it('a capacity failure carries its scope', async () => {
    const { fly } = scripted([json({ error: 'x', status: 'insufficient_capacity' }, 422)])
    const error = await failureOf(fly.createMachine('a', {}))
    expect(error).toMatchObject({ code: 'insufficient_capacity', capacityScope: 'region', retryable: false })
  })

  it.each([
    ['a refusal', refusal(409, 'conflict'), 'no'],
    ['a 429', refusal(429, '', { 'retry-after': '99' }), 'no'],
    ['a 408', empty(408), 'unknown'],
    ['a 500', empty(500), 'unknown'],
    ['a lost connection', new Error('ECONNRESET'), 'unknown'],
  ] as const)('of a create with %s says whether it may have happened: %s', async (_, reply, applied) => {
    const { fly, sent } = scripted([reply])
    expect(await failureOf(fly.createMachine('a', {}))).toMatchObject({ applied })
    expect(sent).toHaveLength(1)
  })

  it('a failed read is never reported as possibly applied', async () => {
    const { fly } = scripted([empty(500)])
    expect(await failureOf(fly.getMachine('a', 'm', { retryWithinMs: 0 }))).toMatchObject({ applied: 'no' })
  })

  it('a failure keeps the doubt of an earlier attempt', async () => {
    const { fly } = scripted([
      empty(503),
      refusal(412, "unable to start machine from current state: 'started'"),
    ])
    expect(await failureOf(fly.startMachine('a', 'm'))).toMatchObject({
      code: 'wrong_state',
      applied: 'unknown',
    })
  })

  it('a connection failure carries its cause', async () => {
    const cause = new TypeError('fetch failed')
    const { fly } = scripted([cause])
    const error = await failureOf(fly.createMachine('a', {}))
    expect(error).toMatchObject({ code: 'network', status: 0, retryable: true, cause })
  })

  it('a failure never quotes the token and is bounded in length', async () => {
    const { fly } = scripted([refusal(400, `bad token ${TOKEN} ${'x'.repeat(5000)}`)])
    const error = await failureOf(fly.getMachine('a', 'm'))
    expect(error.message).toContain('bad token [token]')
    expect(error.message).not.toContain(TOKEN)
    expect(error.message.length).toBeLessThanOrEqual(300)
  })

  it('a failure keeps its status when the body breaks, stalls or never ends', async () => {
    const broken = new ReadableStream({ pull: (controller) => controller.error(new Error('cut')) })
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(16_384)) })
    const stalled = new ReadableStream()
    for (const body of [broken, endless, stalled]) {
      const { fly } = scripted([new Response(body, { status: 403 })])
      expect(await failureOf(fly.getApp('a', { timeoutMs: 30 }))).toMatchObject({
        code: 'forbidden',
        status: 403,
      })
    }
  })

  it('a redirect is a failure', async () => {
    const { fly, sent } = scripted([new Response(null, { status: 302, headers: { location: '/' } })])
    expect(await failureOf(fly.createMachine('a', {}))).toMatchObject({
      code: 'malformed_answer',
      status: 302,
    })
    expect(sent).toHaveLength(1)
  })
})

describe('time', () => {
  const stall = () =>
    new Response(new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode('{"id"')) }))

  it('the time-out covers a stalled body', async () => {
    const { fly } = scripted([stall()])
    const error = await failureOf(fly.createMachine('a', {}, { timeoutMs: 20 }))
    expect(error).toMatchObject({ code: 'timeout', applied: 'unknown' })
  })

  it('the time-out covers a fetch that ignores its signal', async () => {
    const { fly } = scripted([() => new Promise(() => {})])
    const error = await failureOf(fly.createMachine('a', {}, { timeoutMs: 20 }))
    expect(error).toMatchObject({ code: 'timeout', status: 0, applied: 'unknown' })
  })

  it('a call aborted by the caller is neither a time-out nor repeated', async () => {
    const controller = new AbortController()
    const { fly, sent } = scripted([
      () => {
        controller.abort(new Error('page closed'))
        return stall()
      },
    ])
    const error = await failureOf(fly.getMachine('a', 'm', { signal: controller.signal }))
    expect(error).toMatchObject({ code: 'aborted', retryable: false, cause: new Error('page closed') })
    expect(sent).toHaveLength(1)
  })

  it('a call aborted beforehand sends nothing', async () => {
    const take = vi.fn(() => true)
    const { fly, sent } = scripted([], { budget: { take } })
    const error = await failureOf(fly.stopMachine('a', 'm', {}, { signal: AbortSignal.abort() }))
    expect(error).toMatchObject({ code: 'aborted', applied: 'no' })
    expect(sent).toEqual([])
    expect(take).not.toHaveBeenCalled()
  })

  it('a pause between attempts can be aborted', async () => {
    const { fetch } = { fetch: async () => empty(429) }
    const fly = createFlyClient({ token: 'x', fetch, random: () => 0.999 })
    const begun = performance.now()
    const error = await failureOf(fly.getApp('a', { signal: AbortSignal.timeout(20) }))
    expect(error.code).toBe('aborted')
    expect(performance.now() - begun).toBeLessThan(500)
  })
})

describe('repeating', () => {
  it('a read is repeated until it is answered', async () => {
    const { fly, sent, slept, calls } = scripted([
      refusal(429, 'rate limit exceeded'),
      new Error('ECONNRESET'),
      json(MACHINE, 200, { 'fly-request-id': 'r3' }),
    ])
    expect(await fly.getMachine('a', 'm')).toEqual(MACHINE)
    expect(sent).toHaveLength(3)
    expect(slept).toEqual([500, 250])
    expect(calls).toEqual([
      { action: 'get_machine', app: 'a', status: 429, ms: 0, attempt: 1 },
      { action: 'get_machine', app: 'a', status: 0, ms: 0, attempt: 2 },
      { action: 'get_machine', app: 'a', status: 200, ms: 0, requestId: 'r3', attempt: 3 },
    ])
  })

  it('repeating ends with the last failure', async () => {
    const { fly, slept } = scripted([empty(502), empty(502), empty(503)])
    expect(await failureOf(fly.stopMachine('a', 'm'))).toMatchObject({ status: 503, code: 'platform' })
    expect(slept).toEqual([125, 250])
  })

  it('a retry waits as long as Retry-After says, or gives up if that is too long', async () => {
    const limited = (seconds: string) => refusal(429, '', { 'retry-after': seconds })
    const patient = scripted([limited('4'), json(MACHINE)])
    await patient.fly.createMachine('a', {})
    expect(patient.slept).toEqual([4000])
    const hopeless = scripted([limited('31')])
    const error = await failureOf(hopeless.fly.createMachine('a', {}))
    expect(error).toMatchObject({
      code: 'rate_limited',
      retryAfterMs: 31_000,
      retryable: true,
      applied: 'no',
    })
  })

  it('repeating can be disabled for one call', async () => {
    const { fly, sent } = scripted([empty(503)])
    await failureOf(fly.getMachine('a', 'm', { retryWithinMs: 0 }))
    expect(sent).toHaveLength(1)
  })

  it('each attempt counts against the budget, and an empty budget sends nothing', async () => {
    let left = 1
    const budget = { take: () => left-- > 0 }
    const { fly, sent } = scripted([empty(503)], { budget })
    expect(await failureOf(fly.stopMachine('a', 'm'))).toMatchObject({
      code: 'budget_exhausted',
      applied: 'unknown',
    })
    expect(await failureOf(fly.stopMachine('a', 'm'))).toMatchObject({
      code: 'budget_exhausted',
      applied: 'no',
      status: 0,
    })
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
