// What the Fly client throws, how it limits time, and when it repeats a request.
import { describe, expect, it, vi } from 'vitest'
import { createFlyClient } from '../../lib/fly/client.ts'
import { empty, failureOf, json, MACHINE, refusal, scriptedClient, TOKEN } from './scripted-client.ts'

describe('a failure', () => {
  it('a failure carries code, status, request id and whether it was applied', async () => {
    const text =
      'already_exists: unique machine name violation, machine ID 148e9 already exists with name "w"'
    const { fly } = scriptedClient([refusal(409, text, { 'fly-request-id': '01ABC-fra' })])
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
    const { fly } = scriptedClient([json({ error: 'x', status: 'insufficient_capacity' }, 422)])
    const error = await failureOf(fly.createMachine('a', {}))
    expect(error).toMatchObject({ code: 'insufficient_capacity', capacityScope: 'region', retryable: false })
  })

  it.each([
    ['a refusal', refusal(409, 'conflict'), 'no'],
    ['a 429', refusal(429, '', { 'retry-after': '99' }), 'no'],
    ['a 408', empty(408), 'unknown'],
    ['a 500', empty(500), 'unknown'],
    ['a lost connection', new Error('ECONNRESET'), 'unknown'],
  ] as const)('after a create that failed with %s the machine may exist: %s', async (_, reply, applied) => {
    const { fly, sent } = scriptedClient([reply])
    expect(await failureOf(fly.createMachine('a', {}))).toMatchObject({ applied })
    expect(sent).toHaveLength(1)
  })

  it('a failed read is never reported as possibly applied', async () => {
    const { fly } = scriptedClient([empty(500)])
    expect(await failureOf(fly.getMachine('a', 'm', { retryWithinMs: 0 }))).toMatchObject({ applied: 'no' })
  })

  it('a failure is of unknown effect if an earlier attempt was', async () => {
    const { fly } = scriptedClient([
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
    const { fly } = scriptedClient([cause])
    const error = await failureOf(fly.createMachine('a', {}))
    expect(error).toMatchObject({ code: 'network', status: 0, retryable: true, cause })
  })

  it('a failure never quotes the token and is bounded in length', async () => {
    const { fly } = scriptedClient([refusal(400, `bad token ${TOKEN} ${'x'.repeat(5000)}`)])
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
      const { fly } = scriptedClient([new Response(body, { status: 403 })])
      expect(await failureOf(fly.getApp('a', { timeoutMs: 30 }))).toMatchObject({
        code: 'forbidden',
        status: 403,
      })
    }
  })

  it('a redirect is a failure', async () => {
    const { fly, sent } = scriptedClient([new Response(null, { status: 302, headers: { location: '/' } })])
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
    const { fly } = scriptedClient([stall()])
    const error = await failureOf(fly.createMachine('a', {}, { timeoutMs: 20 }))
    expect(error).toMatchObject({ code: 'timeout', applied: 'unknown' })
  })

  it('the time-out covers a fetch that ignores its signal', async () => {
    const { fly } = scriptedClient([() => new Promise(() => {})])
    const error = await failureOf(fly.createMachine('a', {}, { timeoutMs: 20 }))
    expect(error).toMatchObject({ code: 'timeout', status: 0, applied: 'unknown' })
  })

  it('a call aborted by the caller is neither a time-out nor repeated', async () => {
    const controller = new AbortController()
    const { fly, sent } = scriptedClient([
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
    const { fly, sent } = scriptedClient([], { budget: { take } })
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
    const { fly, sent, slept, calls } = scriptedClient([
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
    const { fly, slept } = scriptedClient([empty(502), empty(502), empty(503)])
    expect(await failureOf(fly.stopMachine('a', 'm'))).toMatchObject({ status: 503, code: 'platform' })
    expect(slept).toEqual([125, 250])
  })

  it('a retry waits as long as Retry-After says, or gives up if that is too long', async () => {
    const limited = (seconds: string) => refusal(429, '', { 'retry-after': seconds })
    const patient = scriptedClient([limited('4'), json(MACHINE)])
    await patient.fly.createMachine('a', {})
    expect(patient.slept).toEqual([4000])
    const hopeless = scriptedClient([limited('31')])
    const error = await failureOf(hopeless.fly.createMachine('a', {}))
    expect(error).toMatchObject({
      code: 'rate_limited',
      retryAfterMs: 31_000,
      retryable: true,
      applied: 'no',
    })
  })

  it('repeating can be disabled for one call', async () => {
    const { fly, sent } = scriptedClient([empty(503)])
    await failureOf(fly.getMachine('a', 'm', { retryWithinMs: 0 }))
    expect(sent).toHaveLength(1)
  })

  it('each attempt counts against the budget, and an empty budget sends nothing', async () => {
    let left = 1
    const budget = { take: () => left-- > 0 }
    const { fly, sent } = scriptedClient([empty(503)], { budget })
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
