// What happens in the emulated Fly when a program ends by itself, and when its image cannot be pulled.

import { describe, expect, test } from 'vitest'
import { eventually, pause, startFly } from '../support/emulator.ts'
import type { Json } from '../support/emulator.ts'

const story = (events: Json[]): string[] =>
  events.map(({ type, status, source }) => `${type} ${status} ${source}`).toReversed()

describe('exits', () => {
  test('a failing program is restarted up to max_retries times and then stays stopped', async () => {
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

  test('a program that exits with 0 is not restarted under on-failure, and none is under policy no', async () => {
    const { create, wait, emulator } = await startFly()
    const clean = await create({ image: 'exits' })
    const never = await create({ image: 'exits', env: { EXIT_CODE: '1' }, restart: { policy: 'no' } })
    await wait(clean.id, 'stopped')
    await wait(never.id, 'stopped')
    expect(emulator.machines().map(({ restartCount }) => restartCount)).toEqual([0, 0])
  })

  test('policy always restarts a program that exits with 0, but not one that the API stopped', async () => {
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

  test('auto_destroy destroys the machine when its program exits, with any exit code', async () => {
    const { create, wait } = await startFly()
    const { id } = await create({ image: 'exits', env: { EXIT_CODE: '1' }, auto_destroy: true })
    expect((await wait(id, 'destroyed')).status).toBe(200)
  })

  test('SIGKILL through the API, as the number that fly-go sends, counts as a crash', async () => {
    const { call, machines, started, wait, events } = await startFly()
    const { id } = await started()
    expect((await call('POST', `${machines}/${id}/signal`, { signal: 9 })).status).toBe(200)
    await eventually(async () => story(await events(id)).includes('restart restarting flyd'))
    expect((await wait(id, 'started')).status).toBe(200)
    expect((await call('POST', `${machines}/${id}/signal`, {})).status).toBe(400)
  })

  test('a machine whose image cannot be pulled is created and then fails', async () => {
    const { create, wait, events } = await startFly()
    const machine = await create({ image: 'registry.fly.io/none:1' })
    expect(machine.state).toBe('created')
    expect((await wait(machine.id, 'started,failed')).body.state).toBe('failed')
    expect((await events(machine.id))[0]?.request.message).toMatch(/unable to pull image/)
  })
})
