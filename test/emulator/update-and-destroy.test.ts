// Updating and destroying a machine in the emulated Fly.

import { describe, expect, test } from 'vitest'
import { eventually, pause, startFly } from '../support/emulator.ts'

describe('update', () => {
  test('update replaces the whole config under a new version, and the old version reads replaced', async () => {
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

  test('update answers 409 for another current_version and while an update runs', async () => {
    // The update must still run when the calls after it arrive.
    const { call, machines, started } = await startFly({ timings: { pullMs: 1_000 } })
    const { id, version } = await started()
    const path = `${machines}/${id}`
    const config = { image: 'web' }
    expect((await call('POST', path, { config, current_version: 'old' })).status).toBe(409)
    expect((await call('POST', path, { config, current_version: version })).status).toBe(200)
    expect((await call('POST', path, { config })).body.error).toMatch(/concurrent update/)
    expect((await call('POST', `${path}/start`)).body.error).toMatch(/machine getting replaced/)
  })

  test('update leaves a stopped machine stopped', async () => {
    const { call, machines, create, wait, events } = await startFly()
    const { id } = await create({}, { skip_launch: true })
    await wait(id, 'stopped')
    expect((await call('POST', `${machines}/${id}`, { config: { image: 'web' } })).body.state).toBe('stopped')
    expect((await events(id))[0]?.request.message).toMatch(/non-started state prior to the update/)
  })
})

describe('destroy', () => {
  test('destroy of a live machine needs force, can be repeated, and leaves the machine readable', async () => {
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
