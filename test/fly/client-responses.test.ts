// How the Fly client reads Fly's answers: single objects, lists, waits and the creation of an app.
import { describe, expect, it, vi } from 'vitest'
import { empty, failureOf, json, MACHINE, refusal, scriptedClient } from './scripted-client.ts'

describe('answers', () => {
  it('answers keep unknown fields', async () => {
    const { fly } = scriptedClient([json({ ...MACHINE, config: null, brand_new: 1 })])
    expect(await fly.getMachine('a', 'm')).toEqual({ ...MACHINE, config: null, brand_new: 1 })
  })

  it.each([
    ['no id', '{"state":"started"}'],
    ['no state', '{"id":"m"}'],
    ['a numeric id', '{"id":1,"state":"started"}'],
    ['HTML', '<html></html>'],
    ['nothing', ''],
  ])('a create that is answered with %s fails, and the machine may exist', async (_, body) => {
    const { fly, sent } = scriptedClient([new Response(body)])
    const error = await failureOf(fly.createMachine('a', {}))
    expect(error).toMatchObject({ code: 'malformed_answer', status: 200, applied: 'unknown' })
    expect(sent).toHaveLength(1)
  })

  it('the answer to a start may be empty', async () => {
    const { fly } = scriptedClient([empty(), json({ previous_state: 'stopped', migrated: true })])
    expect(await fly.startMachine('a', 'm')).toEqual({})
    expect(await fly.startMachine('a', 'm')).toEqual({ previous_state: 'stopped', migrated: true })
  })

  it('leases are read with and without their envelope', async () => {
    const lease = { nonce: 'n', expires_at: 17, owner: 'x@y' }
    const { fly } = scriptedClient([json({ status: 'success', data: lease }, 201), json(lease)])
    expect(await fly.acquireLease('a', 'm', { ttlSeconds: 5, description: '' })).toEqual(lease)
    expect(await fly.getLease('a', 'm')).toEqual(lease)
  })

  it('a free lease is null, and a missing machine is an error', async () => {
    const { fly } = scriptedClient([refusal(404, 'lease not found'), refusal(404, 'machine not found')])
    expect(await fly.getLease('a', 'm')).toBeNull()
    expect(await failureOf(fly.getLease('a', 'm'))).toMatchObject({ code: 'machine_not_found' })
  })

  it.each([
    { Regions: [{ Code: 'fra', GatewayAvailable: true }], Nearest: 'fra' },
    { Regions: [{ code: 'fra', gateway_available: true }], Nearest: 'fra' },
    { regions: [{ code: 'fra', gateway_available: true }], nearest: 'fra' },
  ])('regions are read in any spelling: %j', async (body) => {
    const { fly } = scriptedClient([json(body)])
    expect(await fly.listRegions()).toEqual({
      regions: [{ code: 'fra', gateway_available: true }],
      nearest: 'fra',
    })
  })

  it('a 404 to a removal means that it is done', async () => {
    const gone = () => refusal(404, 'machine not found')
    const { fly } = scriptedClient([gone(), gone(), gone(), json({ ok: true })])
    expect(await fly.destroyMachine('a', 'm')).toEqual({ found: false })
    expect(await fly.deleteMetadata('a', 'm', 'k')).toEqual({ found: false })
    expect(await fly.releaseLease('a', 'm', 'n')).toEqual({ found: false })
    expect(await fly.destroyMachine('a', 'm')).toEqual({ found: true })
  })
})

describe('listing', () => {
  it('listing follows the cursor over an empty page to the end', async () => {
    const { fly, sent } = scriptedClient([
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
    const { fly, sent } = scriptedClient([json([MACHINE], 200, { 'fly-next-cursor': 'c1' })])
    for await (const page of fly.listMachinePages('a')) {
      expect(page).toEqual([MACHINE])
      break
    }
    expect(sent).toHaveLength(1)
  })

  it('listing stops at a repeated cursor', async () => {
    const page = () => json([], 200, { 'fly-next-cursor': 'c1' })
    const { fly } = scriptedClient([page(), page(), page()])
    expect(await failureOf(fly.listMachines('a'))).toMatchObject({ code: 'malformed_answer' })
  })
})

describe('waiting', () => {
  it('waiting reports the state that was reached', async () => {
    const { fly } = scriptedClient([json({ ok: true, state: 'failed', version: 'v', event_id: 'e' })])
    const outcome = await fly.waitForMachine('a', 'm', { states: ['started', 'failed'], timeoutSeconds: 60 })
    expect(outcome).toEqual({ reached: true, state: 'failed', version: 'v', eventId: 'e' })
  })

  it('a 408 while waiting means not yet, and needs no body', async () => {
    const { fly, sent } = scriptedClient([empty(408)])
    expect(await fly.waitForMachine('a', 'm', { states: ['started'], timeoutSeconds: 1 })).toEqual({
      reached: false,
    })
    expect(sent).toHaveLength(1)
  })

  it('waiting for destroyed ends when the machine is unknown; other waits fail', async () => {
    const { fly } = scriptedClient([refusal(404, 'machine not found'), refusal(404, 'machine not found')])
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
    'waiting for %d seconds is refused and not corrected',
    async (timeoutSeconds) => {
      const { fly, sent } = scriptedClient([])
      await expect(fly.waitForMachine('a', 'm', { states: ['started'], timeoutSeconds })).rejects.toThrow(
        RangeError,
      )
      expect(sent).toEqual([])
    },
  )

  it('waiting without a state, or with a shorter client time-out, is an error', async () => {
    const { fly } = scriptedClient([])
    await expect(fly.waitForMachine('a', 'm', { states: [], timeoutSeconds: 1 })).rejects.toThrow(RangeError)
    const cut = fly.waitForMachine('a', 'm', { states: ['started'], timeoutSeconds: 1 }, { timeoutMs: 1000 })
    await expect(cut).rejects.toThrow(RangeError)
  })

  it('client time-outs: ten seconds beyond a wait, forty for a create, fifteen otherwise', async () => {
    const timeout = vi.spyOn(AbortSignal, 'timeout')
    const { fly } = scriptedClient([json({ state: 'started' }), json(MACHINE), json(MACHINE), json(MACHINE)])
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
  const ownApp = { name: 'a', network: 'n', organization: { slug: 'o' } }

  it('creating an app reports a new app', async () => {
    const { fly } = scriptedClient([json({ id: 'x', created_at: 1 }, 201)])
    expect(await fly.createApp(input)).toEqual({ name: 'a', created: true })
  })

  it('creating an app finds the app of an earlier attempt', async () => {
    const { fly, sent } = scriptedClient([empty(503), taken(), json(ownApp)])
    expect(await fly.createApp(input)).toEqual({ name: 'a', created: false, app: ownApp })
    expect(sent.map(({ method }) => method)).toEqual(['POST', 'POST', 'GET'])
  })

  it.each([
    ['in another organisation', json({ ...ownApp, organization: { slug: 'x' } })],
    ['that we may not see', refusal(403)],
  ])('creating an app fails if the name is taken by an app %s', async (_, look) => {
    const { fly } = scriptedClient([taken(), look])
    expect(await failureOf(fly.createApp(input))).toMatchObject({ code: 'app_name_taken', status: 422 })
  })

  it('creating an app searches after a lost answer and reports an unknown effect if it finds nothing', async () => {
    const lost = () => new Error('socket hang up')
    const { fly } = scriptedClient([
      lost(),
      lost(),
      lost(),
      json(ownApp),
      lost(),
      lost(),
      lost(),
      refusal(404),
    ])
    expect(await fly.createApp(input)).toMatchObject({ created: false })
    expect(await failureOf(fly.createApp(input))).toMatchObject({ code: 'network', applied: 'unknown' })
  })

  it('creating an app does not search after a refusal', async () => {
    const { fly, sent } = scriptedClient([refusal(422, 'Validation failed: Name is too long')])
    expect(await failureOf(fly.createApp(input))).toMatchObject({ code: 'invalid_request', applied: 'no' })
    expect(sent).toHaveLength(1)
  })
})
