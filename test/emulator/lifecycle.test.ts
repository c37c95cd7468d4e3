// Starting, stopping, suspending and restarting a machine in the emulated Fly.

import { describe, expect, test } from 'vitest'
import { startFly, WEB_SERVICE } from '../support/emulator.ts'
import type { Json } from '../support/emulator.ts'

const story = (events: Json[]): string[] =>
  events.map(({ type, status, source }) => `${type} ${status} ${source}`).toReversed()

describe('starting and stopping', () => {
  test('a new machine goes through created and starting to started, and its events say so', async () => {
    const { started, events } = await startFly()
    const { id } = await started()
    expect(story(await events(id))).toEqual([
      'launch pending flyd',
      'launch created user',
      'start starting flyd',
      'start started flyd',
    ])
  })

  test('start answers 412 for a created machine and 200 for a started one', async () => {
    const { call, machines, create, wait } = await startFly({ timings: { pullMs: 50 } })
    const { id } = await create()
    expect(await call('POST', `${machines}/${id}/start`)).toMatchObject({
      status: 412,
      body: { error: "failed_precondition: unable to start machine from current state: 'created'" },
    })
    await wait(id, 'started')
    expect((await call('POST', `${machines}/${id}/start`)).body).toMatchObject({
      previous_state: 'started',
      migrated: false,
    })
  })

  test('a machine with skip_launch ends in stopped, and start boots it', async () => {
    const { call, machines, create, wait } = await startFly()
    const { id } = await create({}, { skip_launch: true })
    expect((await wait(id, 'stopped')).status).toBe(200)
    expect((await call('POST', `${machines}/${id}/start`)).body.previous_state).toBe('stopped')
    expect((await wait(id, 'started')).body).toMatchObject({ ok: true, state: 'started' })
  })

  test('stop returns at once, start is refused until it is done, and the exit event says requested_stop', async () => {
    const { call, machines, started, wait, events } = await startFly({ timings: { stopMs: 30 } })
    const { id } = await started()
    expect((await call('POST', `${machines}/${id}/stop`, { id, timeout: '0s' })).body).toEqual({ ok: true })
    expect(await call('POST', `${machines}/${id}/start`)).toMatchObject({
      status: 412,
      body: { error: 'failed_precondition: machine still active, refusing to start' },
    })
    await wait(id, 'stopped')
    const [exit] = await events(id)
    expect(exit).toMatchObject({
      type: 'exit',
      status: 'stopped',
      request: { exit_event: { requested_stop: true, exit_code: 0 } },
    })
    expect((await call('POST', `${machines}/${id}/stop`)).status).toBe(200)
  })

  test('stop with an array as body or an unknown signal answers 400', async () => {
    const { call, machines, started } = await startFly()
    const { id } = await started()
    expect(await call('POST', `${machines}/${id}/stop`, [])).toMatchObject({
      status: 400,
      body: { error: 'json: cannot unmarshal array into Go value of type main.stopRequest' },
    })
    expect((await call('POST', `${machines}/${id}/stop`, { signal: 'SIGNOPE' })).status).toBe(400)
  })

  test('a program that ignores its stop signal is killed after its timeout', async () => {
    const { call, machines, started, wait, events } = await startFly()
    const { id } = await started({
      image: 'stubborn',
      stop_config: { signal: 'SIGTERM', timeout: 20_000_000 },
    })
    await call('POST', `${machines}/${id}/stop`)
    expect((await wait(id, 'stopped')).status).toBe(200)
    expect((await events(id))[0]?.request.exit_event).toMatchObject({
      exit_code: 137,
      guest_signal: 9,
      requested_stop: true,
    })
  })

  test('suspend keeps the memory of the program, and start resumes it', async () => {
    const { call, machines, started, wait, events } = await startFly()
    const { id } = await started()
    expect((await call('POST', `${machines}/${id}/suspend`)).body).toEqual({ ok: true })
    await wait(id, 'suspended')
    await call('POST', `${machines}/${id}/start`)
    await wait(id, 'started')
    expect(story(await events(id)).slice(-4)).toEqual([
      'suspend suspending user',
      'suspend suspended flyd',
      'start starting user',
      'start started flyd',
    ])
  })

  test('stopping a suspended machine drops its snapshot', async () => {
    const { call, machines, started, wait } = await startFly()
    const { id } = await started()
    await call('POST', `${machines}/${id}/suspend`)
    await wait(id, 'suspended')
    await call('POST', `${machines}/${id}/stop`)
    expect((await wait(id, 'stopped')).status).toBe(200)
    expect((await call('POST', `${machines}/${id}/suspend`)).status).toBe(412)
  })

  test('restart stops and boots the machine, and a wait for started waits for the new boot', async () => {
    const { call, machines, started, wait, events } = await startFly()
    const { id } = await started()
    expect((await call('POST', `${machines}/${id}/restart?timeout=10s&force_stop=false`)).status).toBe(200)
    expect((await wait(id, 'started')).status).toBe(200)
    expect(story(await events(id)).slice(4)).toEqual([
      'restart restarting user',
      'exit restarting flyd',
      'start starting flyd',
      'start started flyd',
    ])
    expect((await call('POST', `${machines}/${id}/restart?timeout=soon`)).status).toBe(400)
  })

  test('a guest has the variables of Fly and of its config, and its files, at every boot', async () => {
    const { call, machines, started, wait, emulator, get } = await startFly()
    const files = [{ guest_path: '/etc/greeting', raw_value: btoa('hello') }]
    const { id } = await started({ env: { MINE: 'yes' }, files, services: [WEB_SERVICE] }, { region: 'fra' })
    const ask = async (path: string): Promise<string> =>
      (await emulator.proxy(new Request(`https://demo.fly.dev${path}`))).text()
    await call('POST', `${machines}/${id}/restart`)
    await wait(id, 'started')
    expect(await ask('/file')).toBe('hello')
    const { version } = await get(id)
    expect(JSON.parse(await ask('/env'))).toMatchObject({
      MINE: 'yes',
      FLY_APP_NAME: 'demo',
      FLY_MACHINE_ID: id,
      FLY_REGION: 'fra',
      FLY_MACHINE_VERSION: version,
      FLY_VM_MEMORY_MB: '256',
    })
  })

  test('ps shows the ports that the guest listens on', async () => {
    const { call, machines, started } = await startFly()
    const { id } = await started()
    const { body } = await call('GET', `${machines}/${id}/ps`)
    expect(body[0].listen_sockets).toEqual([{ proto: 'tcp', address: '0.0.0.0:8080' }])
    expect((await call('POST', `${machines}/${id}/exec`, { cmd: 'ls' })).status).toBe(400)
  })
})
