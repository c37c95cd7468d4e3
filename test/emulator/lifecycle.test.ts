// A machine's life in the emulated Fly: states, events, waits, restarts, checks, and what survives the process.

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createFileStore } from '../../lib/emulator/node/file-store.ts'
import { createMemoryStore } from '../../lib/emulator/store/memory-store.ts'
import { eventually, pause, startFly, WEB_SERVICE } from '../support/emulator.ts'
import type { Json } from '../support/emulator.ts'

const story = (events: Json[]): string[] =>
  events.map(({ type, status, source }) => `${type} ${status} ${source}`).toReversed()

describe('starting and stopping', () => {
  test('a machine goes from created over starting to started, and says so in its events', async () => {
    const { started, events } = await startFly()
    const { id } = await started()
    expect(story(await events(id))).toEqual([
      'launch created user',
      'start starting flyd',
      'start started flyd',
    ])
  })

  test('start is 412 while created, and harmless while started', async () => {
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

  test('skip_launch rests at stopped, and start boots it', async () => {
    const { call, machines, create, wait } = await startFly()
    const { id } = await create({}, { skip_launch: true })
    expect((await wait(id, 'stopped')).status).toBe(200)
    expect((await call('POST', `${machines}/${id}/start`)).body.previous_state).toBe('stopped')
    expect((await wait(id, 'started')).body).toMatchObject({ ok: true, state: 'started' })
  })

  test('stop returns at once, refuses a start meanwhile, and its exit was asked for', async () => {
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

  test('a stop body that is an array, or a signal that is none, is 400', async () => {
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

  test('restart stops and boots, and a wait for started is not met by the old run', async () => {
    const { call, machines, started, wait, events } = await startFly()
    const { id } = await started()
    expect((await call('POST', `${machines}/${id}/restart?timeout=10s&force_stop=false`)).status).toBe(200)
    expect((await wait(id, 'started')).status).toBe(200)
    expect(story(await events(id)).slice(3)).toEqual([
      'restart restarting user',
      'exit restarting flyd',
      'start starting flyd',
      'start started flyd',
    ])
    expect((await call('POST', `${machines}/${id}/restart?timeout=soon`)).status).toBe(400)
  })

  test('the guest has the environment of Fly, its own, and its files, at every boot', async () => {
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

  test('ps shows what the guest listens on', async () => {
    const { call, machines, started } = await startFly()
    const { id } = await started()
    const { body } = await call('GET', `${machines}/${id}/ps`)
    expect(body[0].listen_sockets).toEqual([{ proto: 'tcp', address: '0.0.0.0:8080' }])
    expect((await call('POST', `${machines}/${id}/exec`, { cmd: 'ls' })).status).toBe(501)
  })
})

describe('crashes', () => {
  test('a failing program is restarted up to its bound, then rests at stopped', async () => {
    const { create, wait, events } = await startFly()
    const { id } = await create({
      image: 'exits',
      env: { EXIT_CODE: '3' },
      restart: { policy: 'on-failure', max_retries: 2 },
    })
    expect((await wait(id, 'stopped')).status).toBe(200)
    const exits = (await events(id)).filter(({ type }) => type === 'exit')
    expect(exits.map(({ request }) => request.restart_count)).toEqual([2, 1, 0])
    expect(exits[0]?.request.exit_event).toMatchObject({
      exit_code: 3,
      requested_stop: false,
      restarting: false,
      oom_killed: false,
    })
    expect(exits[1]?.request.exit_event.restarting).toBe(true)
  })

  test('a clean end rests under on-failure, and policy no never restarts', async () => {
    const { create, wait, emulator } = await startFly()
    const clean = await create({ image: 'exits' })
    const never = await create({ image: 'exits', env: { EXIT_CODE: '1' }, restart: { policy: 'no' } })
    await wait(clean.id, 'stopped')
    await wait(never.id, 'stopped')
    expect(emulator.machines().map(({ restartCount }) => restartCount)).toEqual([0, 0])
  })

  test('policy always restarts clean ends, yet not a stop by the API', async () => {
    const { call, machines, create, started, wait, emulator } = await startFly()
    const { id } = await create({ image: 'exits', restart: { policy: 'always' } })
    await eventually(() =>
      emulator.machines().some((machine) => machine.id === id && machine.restartCount >= 2),
    )
    const web = await started({ restart: { policy: 'always' } })
    await call('POST', `${machines}/${web.id}/stop`)
    await wait(web.id, 'stopped')
    await pause(30)
    expect(emulator.machines().find((machine) => machine.id === web.id)?.state).toBe('stopped')
  })

  test('auto_destroy destroys at the end, clean or not', async () => {
    const { create, wait } = await startFly()
    const { id } = await create({ image: 'exits', env: { EXIT_CODE: '1' }, auto_destroy: true })
    expect((await wait(id, 'destroyed')).status).toBe(200)
  })

  test('a SIGKILL through the API, as the number fly-go sends, is a crash', async () => {
    const { call, machines, started, wait, events } = await startFly()
    const { id } = await started()
    expect((await call('POST', `${machines}/${id}/signal`, { signal: 9 })).status).toBe(200)
    await eventually(async () => story(await events(id)).includes('restart restarting flyd'))
    expect((await wait(id, 'started')).status).toBe(200)
    expect((await call('POST', `${machines}/${id}/signal`, {})).status).toBe(400)
  })

  test('an image that cannot be pulled is accepted, and fails', async () => {
    const { create, wait, events } = await startFly()
    const machine = await create({ image: 'registry.fly.io/none:1' })
    expect(machine.state).toBe('created')
    expect((await wait(machine.id, 'started,failed')).body.state).toBe('failed')
    expect((await events(machine.id))[0]?.request.message).toMatch(/unable to pull image/)
  })
})

describe('update', () => {
  test('replaces the whole config under a new version, and the old version reads replaced', async () => {
    const { call, machines, started, wait, get } = await startFly()
    const machine = await started({ env: { A: '1' }, metadata: { k: 'v' } })
    const path = `${machines}/${machine.id}`
    const reply = await call('POST', path, { config: { image: 'web2' }, region: 'fra', name: 'other' })
    expect(reply.status).toBe(200)
    expect(reply.body.version).not.toBe(machine.version)
    expect(reply.body.config).not.toHaveProperty('env')
    expect(reply.body).toMatchObject({ name: machine.name, region: machine.region, state: 'replacing' })
    await wait(machine.id, 'settled')
    expect(await get(machine.id)).toMatchObject({ state: 'started', config: { image: 'web2' } })
    expect((await call('GET', `${path}?version=${machine.version}`)).body).toMatchObject({
      state: 'replaced',
      config: { image: 'web' },
    })
    expect((await call('GET', `${path}/versions`)).body).toMatchObject([
      { version: reply.body.version, user_config: { image: 'web2' } },
      { version: machine.version },
    ])
    expect((await call('GET', `${path}/wait?version=${machine.version}&timeout=1`)).body.error).toMatch(
      /currently replaced/,
    )
  })

  test('a wrong current_version is 409, and an update in an update too', async () => {
    const { call, machines, started } = await startFly()
    const { id, version } = await started()
    const path = `${machines}/${id}`
    const config = { image: 'web' }
    expect((await call('POST', path, { config, current_version: 'old' })).status).toBe(409)
    expect((await call('POST', path, { config, current_version: version })).status).toBe(200)
    expect((await call('POST', path, { config })).body.error).toMatch(/concurrent update/)
    expect((await call('POST', `${path}/start`)).body.error).toMatch(/machine getting replaced/)
  })

  test('a stopped machine stays stopped', async () => {
    const { call, machines, create, wait, events } = await startFly()
    const { id } = await create({}, { skip_launch: true })
    await wait(id, 'stopped')
    expect((await call('POST', `${machines}/${id}`, { config: { image: 'web' } })).body.state).toBe('stopped')
    expect((await events(id))[0]?.request.message).toMatch(/non-started state prior to the update/)
  })
})

describe('destroy', () => {
  test('needs force while live, can be repeated, and leaves the machine readable', async () => {
    const { call, machines, started, wait, get } = await startFly()
    const { id } = await started()
    const path = `${machines}/${id}`
    expect(await call('DELETE', path)).toMatchObject({
      status: 412,
      body: {
        error:
          'failed_precondition: unable to destroy machine, not currently stopped, suspended, failed or created',
      },
    })
    expect((await call('DELETE', `${path}?force=true`)).body).toEqual({ ok: true })
    await wait(id, 'destroyed')
    expect((await call('DELETE', path)).status).toBe(200)
    expect((await get(id)).state).toBe('destroyed')
    expect((await call('POST', `${path}/start`)).status).toBe(412)
    expect((await call('GET', `${machines}/00000000000000`)).body.error).toMatch(/machine not found/)
  })

  test('a machine destroyed while it boots never starts', async () => {
    const { call, machines, create, wait, get } = await startFly({ timings: { bootMs: 30 } })
    const { id } = await create()
    await eventually(async () => (await get(id)).state === 'starting')
    await call('DELETE', `${machines}/${id}?kill=true`)
    await wait(id, 'destroyed')
    await pause(50)
    expect((await get(id)).state).toBe('destroyed')
  })
})

describe('wait', () => {
  test.each(['0', '61', '-1', '1.5', 'abc'])('a timeout of %s is 400, not a longer wait', async (timeout) => {
    const { call, machines, create } = await startFly()
    const { id } = await create()
    const reply = await call('GET', `${machines}/${id}/wait?timeout=${timeout}`)
    expect(reply).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('value must be inside range [1s, 1m0s]') },
    })
  })

  test('answers 408 with the current state when the time is over', async () => {
    const { started, wait } = await startFly()
    const { id } = await started()
    expect(await wait(id, 'stopped', 1)).toMatchObject({
      status: 408,
      body: { error: 'deadline_exceeded: machine failed to reach desired state, stopped, currently started' },
    })
  })

  test('takes several states, repeated or with commas, and settled for any that rests', async () => {
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

  test('from_event_id is not met by what was true before', async () => {
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

describe('checks', () => {
  const quick = { interval: '15ms', timeout: '50ms', grace_period: '10ms' }

  test('are empty until the first run, then pass or fail by their own names', async () => {
    const { started, get } = await startFly()
    const { id } = await started({
      checks: {
        alive: { type: 'http', port: 8080, path: '/', ...quick },
        port: { type: 'tcp', port: 9, ...quick },
      },
      services: [{ ...WEB_SERVICE, checks: [{ type: 'http', path: '/bad', ...quick }] }],
    })
    await eventually(async () => (await get(id)).checks.length === 3)
    const byName = Object.fromEntries((await get(id)).checks.map((check: Json) => [check.name, check]))
    expect(byName.alive).toMatchObject({
      status: 'passing',
      output: id,
      updated_at: expect.stringMatching(/^20/),
    })
    expect(byName.port).toMatchObject({
      status: 'critical',
      output: expect.stringContaining('connection refused'),
    })
    expect(byName['servicecheck-00-http-8080'].status).toBe('critical')
  })

  test('a check that gets no answer in time is critical', async () => {
    const { started, get } = await startFly()
    const { id } = await started({ checks: { slow: { type: 'http', port: 8080, path: '/hang', ...quick } } })
    await eventually(async () => (await get(id)).checks.length === 1)
    expect((await get(id)).checks[0]).toMatchObject({
      status: 'critical',
      output: expect.stringContaining('deadline'),
    })
  })
})

describe('surviving the process', () => {
  test('machines that ran are booted again, snapshots are lost, and everything else is as it was', async () => {
    const store = createMemoryStore()
    const before = await startFly({ store })
    const ran = await before.started({ metadata: { k: 'v' } }, { name: 'ran' })
    const slept = await before.started({}, { name: 'slept' })
    await before.call('POST', `${before.machines}/${slept.id}/suspend`)
    await before.wait(slept.id, 'suspended')
    const gone = await before.started({}, { name: 'gone' })
    await before.call('DELETE', `${before.machines}/${gone.id}?force=true`)
    await before.wait(gone.id, 'destroyed')
    await before.emulator.close()

    const after = await startFly({ store })
    await after.wait(ran.id, 'started')
    expect(await after.get(ran.id)).toMatchObject({
      state: 'started',
      version: ran.version,
      config: { metadata: { k: 'v' } },
    })
    expect(story(await after.events(ran.id))).toContain('restart restarting flyd')
    expect((await after.get(slept.id)).state).toBe('stopped')
    expect((await after.get(gone.id)).state).toBe('destroyed')
  })

  test('at most two machines are booted at a time', async () => {
    const store = createMemoryStore()
    const before = await startFly({ store })
    for (let i = 0; i < 5; i++) await before.started()
    await before.emulator.close()
    const after = await startFly({ store, timings: { bootMs: 30 } })
    const count = (state: string): number =>
      after.emulator.machines().filter((machine) => machine.state === state).length
    let most = 0
    await eventually(() => {
      most = Math.max(most, count('starting'))
      return count('started') === 5
    })
    expect(most).toBe(2)
  })

  test('a folder holds what an API reply has said, before it said it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'emulator-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const first = await startFly({ store: createFileStore(folder) })
    const { id } = await first.create({ metadata: { k: 'v' } }, { skip_launch: true })
    const kept = await createFileStore(folder).load()
    expect(kept.machines).toMatchObject([{ id, config: { metadata: { k: 'v' } } }])
    expect(kept.apps).toMatchObject([{ name: 'demo' }])
    await first.wait(id, 'stopped')
    await first.emulator.close()
    expect((await readdir(join(folder, 'machines'))).filter((name) => name.endsWith('.new'))).toEqual([])
    const second = await startFly({ store: createFileStore(folder) })
    expect(await second.get(id)).toMatchObject({ state: 'stopped' })
  })

  test('machines destroyed more than a week ago are forgotten', async () => {
    const store = createMemoryStore()
    const before = await startFly({ store })
    const { id } = await before.started()
    await before.call('DELETE', `${before.machines}/${id}?force=true`)
    await before.wait(id, 'destroyed')
    await before.emulator.close()
    const after = await startFly({ store, now: () => Date.now() + 8 * 24 * 3_600_000 })
    expect((await after.call('GET', `${after.machines}/${id}`)).status).toBe(404)
    await after.emulator.close()
    expect((await store.load()).machines).toEqual([])
  })

  test('a reply is an error when it could not be kept', async () => {
    const store = createMemoryStore()
    const { saveMachine } = store
    store.saveMachine = () => Promise.reject(new Error('disk full'))
    const { call, machines, emulator } = await startFly({ store })
    expect((await call('POST', machines, { config: { image: 'web' } })).status).toBe(500)
    store.saveMachine = saveMachine
    await emulator.close()
  })
})
