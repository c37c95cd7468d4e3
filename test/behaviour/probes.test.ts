// What counts as a sign of life. The kind: an agent that works is not ready, or a working machine is rebooted, because one request
// was not answered as expected (a2aproject/a2a-inspector#86: the card only at the older path; kagent-dev/kagent#1092: a card
// behind a login; THU-MAIC/OpenMAIC#1493: characters that cannot be stored).
import { afterEach, describe, expect, test } from 'vitest'
import type { GuestMachine, Program } from '../../lib/emulator/guests/host.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { workspaceSteps } from '../support/workspace-steps.ts'

const IMAGE = 'ghcr.io/molecule-ai/odd'
const CARD = { name: 'odd', skills: [] }

let h: Harness
afterEach(() => h.close())
const { create, read, until } = workspaceSteps(() => h)

const untilStopped = (machine: GuestMachine) =>
  new Promise<number>((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))

const post = (machine: GuestMachine, path: string, json: Json) =>
  machine.fetch(`${machine.env['PLATFORM_URL']}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${machine.env['MOLECULE_WORKSPACE_TOKEN']}`,
    },
    body: JSON.stringify(json),
  })

/** An agent that answers a probe as given. @param registers whether it registers first */
const agent =
  (answer: (path: string) => Response, registers = true): Program =>
  async (machine) => {
    if (registers) {
      await post(machine, '/registry/register', { id: machine.env['WORKSPACE_ID'], agent_card: CARD })
    }
    await machine.listen(8000, (request) => answer(new URL(request.url).pathname))
    return untilStopped(machine)
  }

async function open(program: Program, env: Record<string, string> = {}): Promise<void> {
  h = await createHarness({
    programs: { [IMAGE]: program },
    env: { ALLOWED_IMAGE_REGISTRIES: 'ghcr.io/molecule-ai', ...env },
  })
}

const notFound = () => new Response('not found', { status: 404 })
const explainAgent = async (id: string) =>
  ((await h.request(`/workspaces/${id}/explain`)).body as { agent: { last_probe: unknown } }).agent

describe('readiness', () => {
  test('a workspace becomes ready when its agent serves its card only at the older path', async () => {
    await open(
      agent((path) => (path === '/.well-known/agent.json' ? Response.json(CARD) : notFound()), false),
    )
    const row = await until(await create({ image: IMAGE }), 'ready')
    expect(row['agent_card']).toEqual(CARD)
  })

  test('a workspace becomes ready when its agent redirects to its card, and not by a card of another host', async () => {
    const redirect = (location: string) => new Response(null, { status: 307, headers: { location } })
    await open(agent((path) => (path.endsWith('.json/') ? Response.json(CARD) : redirect(`${path}/`)), false))
    await until(await create({ image: IMAGE }), 'ready')
    await h.close()
    await open(agent(() => redirect('http://evil.test/card.json'), false))
    const id = await create({ image: IMAGE })
    await until(id, 'provisioning')
    await h.sweep()
    expect((await read(id))['status']).toBe('provisioning')
    expect(h.outgoing.some(({ url }) => url.startsWith('http://evil.test'))).toBe(false)
  })

  test.each<[string, () => Response, string]>([
    ['401', () => new Response('', { status: 401 }), 'HTTP 401 at /.well-known/agent-card.json'],
    ['404 at both paths', notFound, 'HTTP 404 at /.well-known/agent-card.json'],
    ['a page instead of a card', () => new Response('<html>'), 'an answer that is not JSON'],
    ['more than a card may have', () => new Response(' '.repeat(300_000)), 'more than 262144 bytes'],
    ['an endless body', endless, 'more than 262144 bytes'],
  ])('a workspace becomes ready when its agent has registered and answers %s', async (_, answer, detail) => {
    await open(agent(answer))
    const row = await until(await create({ image: IMAGE }), 'ready')
    expect(row['agent_card']).toEqual(CARD)
    expect(await explainAgent(String(row['id']))).toMatchObject({
      last_probe: { answered: true, detail: expect.stringContaining(detail) },
    })
  })

  test('a workspace becomes ready when its card has characters that cannot be stored, which are replaced', async () => {
    await open(agent(() => Response.json({ name: 'a\0b', note: '\ud83d' }), false))
    const row = await until(await create({ image: IMAGE }), 'ready')
    expect(row['agent_card']).toEqual({ name: 'a\ufffdb', note: '\ufffd' })
  })
})

/** A body without an end: only what is read of it exists. */
function endless(): Response {
  const chunk = new Uint8Array(64 * 1024)
  return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk) }))
}

test('a workspace whose agent never registered and answers 401 fails, and the reason contains the answer', async () => {
  await open(agent(() => new Response('', { status: 401 }), false))
  const row = await until(await create({ image: IMAGE }), 'failed', 60_000)
  expect(row['reason']).toMatchObject({
    code: 'never_registered',
    message: expect.stringContaining('HTTP 401'),
  })
  const { body } = await h.request<{ next: { sentence: string } }>(`/workspaces/${String(row['id'])}/explain`)
  expect(body.next.sentence).not.toMatch(/as wanted/)
})

describe('liveness', () => {
  /** Registers, reports tasks once and by `state.report`, and answers while `state.answers` is true. */
  function working(tasks: number) {
    const state: { answers: boolean; report?: () => Promise<unknown> } = { answers: true }
    const program: Program = async (machine) => {
      const id = machine.env['WORKSPACE_ID']
      await post(machine, '/registry/register', { id, agent_card: CARD })
      state.report = () => post(machine, '/registry/heartbeat', { workspace_id: id, active_tasks: tasks })
      await state.report()
      await machine.listen(8000, () =>
        state.answers ? Response.json(CARD) : new Response('', { status: 503 }),
      )
      return untilStopped(machine)
    }
    return { program, state }
  }

  async function pass(minutes: number): Promise<void> {
    for (let minute = 0; minute < minutes; minute++) {
      h.advance(60_000)
      await h.sweep({ patienceMs: 300 })
    }
  }

  /** Waits until the agent of `working` has reported its tasks: it starts in real time, whatever the clock of the test is. */
  const untilBusy = (id: string) => expect.poll(async () => (await read(id))['active_tasks']).toBe(2)

  test('an agent that stops answering is not rebooted while its last heartbeat reported tasks, for the configured time', async () => {
    const { program, state } = working(2)
    await open(program, { AGENT_BUSY_SECONDS: '1800' })
    const id = String((await until(await create({ image: IMAGE }), 'ready'))['id'])
    const generation = (await read(id))['generation']
    state.answers = false
    await pass(20)
    expect(await read(id)).toMatchObject({ status: 'ready', generation })
    await pass(20)
    expect((await read(id))['generation']).not.toBe(generation)
  })

  test('a busy agent that answers only after the deadline makes its workspace ready', async () => {
    const { program, state } = working(2)
    state.answers = false
    await open(program)
    const id = await create({ image: IMAGE })
    await untilBusy(id)
    await pass(20)
    expect(await read(id)).toMatchObject({ status: 'provisioning', active_tasks: 2 })
    state.answers = true
    await until(id, 'ready')
  })

  test('a busy agent that never answers is given up AGENT_BUSY_SECONDS after the deadline', async () => {
    const { program, state } = working(2)
    state.answers = false
    await open(program, { AGENT_BUSY_SECONDS: '600', PROVISION_TIMEOUT_SECONDS: '600' })
    const id = await create({ image: IMAGE })
    await untilBusy(id)
    for (let minutes = 0; minutes < 18; minutes++) {
      await pass(1)
      await state.report?.()
    }
    expect(await read(id)).toMatchObject({ status: 'provisioning', active_tasks: 2 })
    await pass(4)
    expect(await read(id)).toMatchObject({ status: 'failed', reason: { code: 'never_listened' } })
  })

  /** A workspace whose machine runs, with a busy agent, and is unknown here until `show`, long after the deadline. */
  async function unrecorded() {
    await open(working(2).program)
    h.emulator.faults.add({ kind: 'lose-reply', action: 'machine.create', times: 1 })
    const hidden = ['machine.list', 'machine.get'].map((action) =>
      h.emulator.faults.add({ kind: 'answer', action, status: 503 }),
    )
    const id = await create({ image: IMAGE })
    await untilBusy(id)
    // A pass that is under way would decide by the later time on what it has seen before.
    await h.untilIdle()
    expect(await read(id)).toMatchObject({ status: 'provisioning', machine_id: null })
    async function show(): Promise<void> {
      h.advance(20 * 60_000)
      hidden.forEach((fault) => h.emulator.faults.remove(fault))
      await pass(3)
    }
    return { id, show }
  }

  test('the machine of a busy agent is recorded after the deadline when the reply to its create was lost', async () => {
    const { id, show } = await unrecorded()
    await show()
    expect(await until(id, 'ready')).toMatchObject({ machine_id: expect.any(String) })
  })

  test('a restart that cannot be carried out in time fails, whatever the agent of before reports', async () => {
    const { id, show } = await unrecorded()
    await h.request(`/workspaces/${id}/restart`, { method: 'POST' })
    await show()
    expect(await read(id)).toMatchObject({ status: 'failed', machine_id: expect.any(String) })
    await h.request(`/workspaces/${id}/restart`, { method: 'POST' })
    await until(id, 'ready')
  })

  test('an agent that stops answering is offline after the configured silence, and rebooted after the configured time', async () => {
    const { program, state } = working(0)
    await open(program, { AGENT_SILENCE_SECONDS: '60', AGENT_COMEBACK_SECONDS: '600' })
    const id = String((await until(await create({ image: IMAGE }), 'ready'))['id'])
    const generation = (await read(id))['generation']
    state.answers = false
    await pass(4)
    expect(await read(id)).toMatchObject({
      status: 'offline',
      generation,
      reason: { code: 'agent_silent', message: expect.stringContaining('HTTP 503') },
    })
    await pass(12)
    expect((await read(id))['generation']).not.toBe(generation)
  })
})

test('an agent that answers no probe is left alone while a request to it is in flight', async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  let answersProbes = true
  await open(
    async (machine) => {
      const id = machine.env['WORKSPACE_ID']
      await post(machine, '/registry/register', { id, agent_card: CARD })
      await machine.listen(8000, async (request) => {
        if (request.method === 'GET') return new Response(null, { status: answersProbes ? 404 : 503 })
        await held
        return Response.json({ jsonrpc: '2.0', id: 1, result: {} })
      })
      return untilStopped(machine)
    },
    { AGENT_SILENCE_SECONDS: '60' },
  )
  const id = String((await until(await create({ image: IMAGE }), 'ready'))['id'])
  const generation = (await read(id))['generation']
  const params = { message: { kind: 'message', role: 'user', messageId: 'm', parts: [] } }
  const json = { jsonrpc: '2.0', id: 1, method: 'message/send', params }
  const answer = h.request(`/workspaces/${id}/a2a`, { method: 'POST', json })
  await expect
    .poll(() =>
      h.outgoing.some(({ url }) => url.startsWith('http://fly-proxy.test/') && !url.includes('.well-known')),
    )
    .toBe(true)
  answersProbes = false
  for (let minute = 0; minute < 10; minute++) {
    h.advance(60_000)
    await h.sweep({ patienceMs: 300 })
  }
  expect(await read(id)).toMatchObject({ status: 'ready', generation })
  release()
  expect((await answer).status).toBe(200)
})
