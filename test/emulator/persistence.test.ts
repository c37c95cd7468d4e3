// What the emulated Fly keeps when its process ends, and how it continues afterwards.

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createFileStore } from '../../lib/emulator/node/file-store.ts'
import { createMemoryStore } from '../../lib/emulator/store/memory-store.ts'
import { eventually, startFly } from '../support/emulator.ts'
import type { Json } from '../support/emulator.ts'

const story = (events: Json[]): string[] =>
  events.map(({ type, status, source }) => `${type} ${status} ${source}`).toReversed()

describe('persistence', () => {
  test('after a restart of the emulator started machines are booted again and suspended ones are stopped', async () => {
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

  test('after a restart of the emulator at most two machines boot at a time', async () => {
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

  test('a file store has saved a change before the API answers', async () => {
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

  test('a restart of the emulator forgets machines that were destroyed more than a week ago', async () => {
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

  test('the API answers 500 when a change could not be saved', async () => {
    const store = createMemoryStore()
    const { saveMachine } = store
    store.saveMachine = () => Promise.reject(new Error('disk full'))
    const { call, machines, emulator } = await startFly({ store })
    expect((await call('POST', machines, { config: { image: 'web' } })).status).toBe(500)
    store.saveMachine = saveMachine
    await emulator.close()
  })
})
