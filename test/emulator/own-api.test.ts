// Machines of the emulated Fly that stop or suspend by themselves, through the API of their own machine, and machines that
// Fly stops.

import { expect, test } from 'vitest'
import { createInProcessHost } from '../../lib/emulator/guests/in-process-host.ts'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { eventually, startFly, WEB_SERVICE } from '../support/emulator.ts'
import type { Json } from '../support/emulator.ts'

const story = (events: Json[]): string[] =>
  events.map(({ type, status, source }) => `${type} ${status} ${source}`).toReversed()

/** Posts to the API of a machine, by default its own, and answers with what came back. */
const caller: Program = async (machine) => {
  await machine.listen(8080, async (request) => {
    const { searchParams } = new URL(request.url)
    const id = searchParams.get('machine') ?? machine.env.FLY_MACHINE_ID
    const path = `/v1/apps/${machine.env.FLY_APP_NAME}/machines/${id}/${searchParams.get('verb')}`
    return Response.json(await machine.flyApi('POST', path))
  })
  return new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))
}

async function startCaller() {
  const fly = await startFly({
    tokens: ['secret'],
    host: createInProcessHost({ programs: { web: caller } }),
  })
  const call = (method: string, path: string, body?: unknown) =>
    fly.call(method, path, body, { authorization: 'Bearer secret' })
  const config = { image: 'web', services: [WEB_SERVICE] }
  const { id } = (await call('POST', fly.machines, { config })).body
  const state = async (): Promise<string> => (await call('GET', `${fly.machines}/${id}`)).body.state
  const events = async () => (await call('GET', `${fly.machines}/${id}/events`)).body as unknown as Json[]
  await eventually(async () => (await state()) === 'started')
  return { ...fly, call, id: String(id), state, events }
}

test('a machine suspends itself without a token, and a start resumes it', async () => {
  const { ask, id, state, call, machines, events } = await startCaller()
  // The answer comes after the machine is resumed, because its program does not run meanwhile.
  const answer = ask(id, '/?verb=suspend')
  await eventually(async () => (await state()) === 'suspended')
  expect(story(await events()).slice(-2)).toEqual(['suspend suspending user', 'suspend suspended flyd'])
  await call('POST', `${machines}/${id}/start`)
  expect(JSON.parse(await answer)).toMatchObject({ status: 200 })
})

test('a machine stops itself, and the exit event says that the stop was requested', async () => {
  const { ask, id, state, events } = await startCaller()
  ask(id, '/?verb=stop').catch(() => undefined)
  await eventually(async () => (await state()) === 'stopped')
  expect(story(await events()).slice(-2)).toEqual(['stop stopping user', 'exit stopped flyd'])
  expect((await events())[0]?.request.exit_event).toMatchObject({ exit_code: 0, requested_stop: true })
})

test('the API of the own machine reaches no other machine', async () => {
  const { ask, call, machines, id } = await startCaller()
  const other = (await call('POST', machines, { config: { image: 'web' } })).body
  expect(JSON.parse(await ask(id, `/?verb=stop&machine=${other.id}`))).toEqual({
    status: 403,
    body: '{"error":"unauthorized"}',
  })
  expect(JSON.parse(await ask(id, `/?verb=stop&machine=${id}/../${other.id}`)).status).toBe(403)
})

test('a machine that Fly stops has a requested stop that no user asked for', async () => {
  const { emulator, started, wait, events } = await startFly()
  const { id } = await started()
  emulator.faults.add({ kind: 'stopped-by-fly', machine: id })
  await wait(id, 'stopped')
  expect(story(await events(id)).slice(-2)).toEqual(['stop stopping flyd', 'exit stopped flyd'])
  expect((await events(id))[0]?.request.exit_event).toMatchObject({ exit_code: 0, requested_stop: true })
  expect(() => emulator.faults.add({ kind: 'stopped-by-fly', machine: id })).toThrow('no started machine')
})
