// The emulated Fly's app secrets: what docs/facts/fly.md §2.8 and the API description say of them, asked for as an
// operator would.
import { beforeEach, describe, expect, test } from 'vitest'
import { createEmulator, type Emulator } from '../../lib/emulator/emulator.ts'
import { createInProcessHost } from '../../lib/emulator/guests/in-process-host.ts'
import { createMemoryStore, type EmulatorStore } from '../../lib/emulator/store/memory-store.ts'
import { TIMINGS } from '../support/quick-timings.ts'

type Json = Record<string, unknown>
type Booted = { env: Record<string, string>; file: string }

let emulator: Emulator
let booted: Booted[]
let store: EmulatorStore

const open = async (options: { now?: () => number } = {}) => {
  const next = await createEmulator({
    host: createInProcessHost({
      programs: {
        img: async (machine) => {
          booted.push({ env: { ...machine.env }, file: machine.readFile('/secret') ?? '' })
          await new Promise((resolve) => machine.stopping.addEventListener('abort', resolve, { once: true }))
          return 0
        },
      },
    }),
    store,
    timings: TIMINGS,
    rateLimits: false,
    defaultApp: 'app',
    ...options,
  })
  if (next.machines().length === 0) next.createApp('app', { ips: true })
  return next
}

beforeEach(async () => {
  booted = []
  store = createMemoryStore()
  emulator = await open()
})

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }> {
  const response = await emulator.api.fetch(
    new Request(`http://fly.test/v1/apps/app${path}`, {
      method,
      headers: { authorization: 'Bearer x', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  )
  return { status: response.status, body: (await response.json()) as Json }
}

const boot = async (config: Json, more: Json = {}) => {
  const before = booted.length
  const made = await call('POST', '/machines', { config: { image: 'img', ...config }, ...more })
  if (made.status !== 200) return made
  await expect.poll(() => booted.length).toBe(before + 1)
  return made
}

describe('app secrets', () => {
  test('one call sets and removes several secrets, and each change counts the version up', async () => {
    const first = await call('POST', '/secrets', { values: { A: 'one', B: 'two' } })
    expect(first).toMatchObject({ status: 200, body: { version: expect.any(Number) as number } })
    const second = await call('POST', '/secrets', { values: { A: null, C: 'three' } })
    expect(second.body['version']).toBe(Number(first.body['version']) + 1)
    const listed = await call('GET', '/secrets')
    expect(listed.body['secrets']).toMatchObject([{ name: 'B' }, { name: 'C' }])
    expect(JSON.stringify(listed)).not.toMatch(/two|three/)
    expect((await call('GET', '/secrets?show_secrets=true')).body['secrets']).toMatchObject([
      { value: 'two' },
      { value: 'three' },
    ])
  })

  test('a single secret is set with 201, and an unknown one answers 404', async () => {
    expect(await call('POST', '/secrets/ONE', { value: 'v' })).toMatchObject({
      status: 201,
      body: { name: 'ONE', digest: expect.stringMatching(/^[0-9a-f]{16}$/) as string },
    })
    expect(await call('GET', '/secrets/ONE')).toMatchObject({ status: 200, body: { name: 'ONE' } })
    expect((await call('DELETE', '/secrets/ONE')).status).toBe(200)
    expect((await call('GET', '/secrets/ONE')).status).toBe(404)
    expect((await call('POST', '/secrets/NO-NAME', { value: 'v' })).status).toBe(400)
    expect((await call('POST', '/secrets', { values: { A: 1 } })).status).toBe(400)
  })

  test('secrets are variables in every machine of the app and win over env of the same name', async () => {
    await call('POST', '/secrets', { values: { SHARED: 'secret' } })
    await boot({ env: { SHARED: 'plain', OWN: 'own' } })
    expect(booted.at(-1)?.env).toMatchObject({ SHARED: 'secret', OWN: 'own' })
  })

  test('a process that names secrets gets only those, under the names that it gives', async () => {
    await call('POST', '/secrets', { values: { MINE: 'mine', THEIRS: 'theirs', FILE: btoa('in a file') } })
    const made = await boot({
      processes: [{ ignore_app_secrets: true, secrets: [{ env_var: 'KEY', name: 'MINE' }] }],
      files: [{ guest_path: '/secret', secret_name: 'FILE' }],
    })
    expect(booted.at(-1)).toMatchObject({ env: { KEY: 'mine' }, file: 'in a file' })
    expect(booted.at(-1)?.env).not.toHaveProperty('THEIRS')
    expect(booted.at(-1)?.env).not.toHaveProperty('MINE')
    const shown = await call('GET', `/machines/${String(made.body['id'])}`)
    expect(JSON.stringify(shown.body)).not.toContain('"mine"')
  })

  test('ignore_app_secrets without a list leaves no secret', async () => {
    await call('POST', '/secrets', { values: { SHARED: 'secret' } })
    await boot({ processes: [{ ignore_app_secrets: true }] })
    expect(booted.at(-1)?.env).not.toHaveProperty('SHARED')
  })

  test('a changed secret reaches a machine at its next boot', async () => {
    await call('POST', '/secrets', { values: { KEY: 'old' } })
    const made = await boot({})
    await call('POST', '/secrets', { values: { KEY: 'new' } })
    expect(booted.at(-1)?.env).toMatchObject({ KEY: 'old' })
    const before = booted.length
    await call('POST', `/machines/${String(made.body['id'])}/restart`)
    await expect.poll(() => booted.length).toBe(before + 1)
    expect(booted.at(-1)?.env).toMatchObject({ KEY: 'new' })
  })

  test('a min_secrets_version that does not exist answers 412', async () => {
    const { body } = await call('POST', '/secrets', { values: { KEY: 'v' } })
    const version = Number(body['version'])
    expect(
      (await call('POST', '/machines', { config: { image: 'img' }, min_secrets_version: version + 1 }))
        .status,
    ).toBe(412)
    expect((await boot({}, { min_secrets_version: version })).status).toBe(200)
    expect((await call('GET', `/secrets?min_version=${version + 1}`)).status).toBe(412)
  })

  test('a new version answers 412 during a secrets-lag fault until it has reached the hosts', async () => {
    await call('POST', '/secrets', { values: { KEY: 'old' } })
    const fault = emulator.faults.add({ kind: 'secrets-lag', ms: 60_000 })
    const { body } = await call('POST', '/secrets', { values: { KEY: 'new' } })
    const version = Number(body['version'])
    const refused = await boot({}, { min_secrets_version: version })
    expect(refused).toMatchObject({
      status: 412,
      body: { error: 'failed_precondition: min_secrets_version not yet available' },
    })
    expect(await call('GET', '/secrets?show_secrets=true')).toMatchObject({
      body: { secrets: [{ name: 'KEY', value: 'new' }] },
    })
    emulator.faults.remove(fault)
    expect((await boot({}, { min_secrets_version: version })).status).toBe(200)
    expect(booted.at(-1)?.env).toMatchObject({ KEY: 'new' })
  })

  test('a machine boots during a secrets-lag fault with the values that its host has', async () => {
    let time = 1_000_000
    emulator = await open({ now: () => time })
    emulator.faults.add({ kind: 'secrets-lag', ms: 1000 })
    await call('POST', '/secrets', { values: { KEY: 'old' } })
    time += 2000
    await call('POST', '/secrets', { values: { KEY: 'new' } })
    await boot({})
    expect(booted.at(-1)?.env).toMatchObject({ KEY: 'old' })
    time += 2000
    await boot({})
    expect(booted.at(-1)?.env).toMatchObject({ KEY: 'new' })
  })

  test('secrets survive a restart of the emulator', async () => {
    await call('POST', '/secrets', { values: { LASTING: 'v' } })
    await emulator.close()
    emulator = await open()
    expect((await call('GET', '/secrets/LASTING?show_secrets=true')).body).toMatchObject({ value: 'v' })
  })
})
