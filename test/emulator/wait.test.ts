// Waiting for the state of a machine in the emulated Machines API.

import { describe, expect, test } from 'vitest'
import { pause, startFly } from '../support/emulator.ts'

describe('wait', () => {
  test.each(['0', '61', '-1', '1.5', 'abc'])('wait with a timeout of %s answers 400', async (timeout) => {
    const { call, machines, create } = await startFly()
    const { id } = await create()
    const reply = await call('GET', `${machines}/${id}/wait?timeout=${timeout}`)
    expect(reply).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('value must be inside range [1s, 1m0s]') },
    })
  })

  test('wait answers 408 with the current state when its timeout passes', async () => {
    const { started, wait } = await startFly()
    const { id } = await started()
    expect(await wait(id, 'stopped', 1)).toMatchObject({
      status: 408,
      body: { error: 'deadline_exceeded: machine failed to reach desired state, stopped, currently started' },
    })
  })

  test('wait accepts several states, repeated or with commas, and settled', async () => {
    const { call, machines, create } = await startFly()
    const { id, version } = await create({ image: 'nope' })
    const path = `${machines}/${id}/wait`
    expect((await call('GET', `${path}?state=started&state=failed&timeout=5`)).body.state).toBe('failed')
    expect((await call('GET', `${path}?state=started,failed&version=${version}`)).body).toMatchObject({
      state: 'failed',
      version,
    })
    expect((await call('GET', `${path}?state=settled`)).body.state).toBe('failed')
    expect((await call('GET', `${path}?state=happy`)).status).toBe(400)
  })

  test('wait with from_event_id waits for a state after that event', async () => {
    const { call, machines, started, events } = await startFly()
    const { id } = await started()
    const [last] = await events(id)
    const waiting = call('GET', `${machines}/${id}/wait?state=started&timeout=5&from_event_id=${last?.id}`)
    await pause(10)
    await call('POST', `${machines}/${id}/restart`)
    const reply = await waiting
    expect(reply.status).toBe(200)
    expect(reply.body.event_id > last?.id).toBe(true)
  })
})
