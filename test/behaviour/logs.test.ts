// The log of a workspace: as a page, as text, followed as a stream, and what is kept of it after the end of a machine.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GuestMachine } from '../../lib/emulator/guests/host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { readEventStream } from '../support/event-stream.ts'
import { IN_WORKERD } from '../support/test-target.ts'

type Line = Record<'id' | 'time' | 'level' | 'message' | 'machine' | 'source', string> & {
  generation: number
}
type Logs = { lines: Line[]; next: string; gap: boolean; kept: Json | null }

const SECRET = 'a-secret-value-of-logs'

let h: Harness
/** The running programs, by workspace; their `log` prints a line. */
const machines = new Map<string, GuestMachine>()

beforeAll(async () => {
  h = await createHarness({
    env: { SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'l').toString('base64') },
    programs: {
      'ghcr.io/molecule-ai/workspace-hermes*': (machine) => {
        machines.set(machine.env['WORKSPACE_ID'] ?? '', machine)
        return sampleAgent(machine)
      },
    },
  })
})
afterAll(() => h.close())

/** A workspace whose agent prints nothing more by itself. */
async function make(input: Json = {}): Promise<string> {
  const { id } = await h.createWorkspace(input)
  await expect.poll(async () => messages(await read(id))).toContain('registered')
  return id
}
const print = (id: string, ...lines: string[]) => lines.forEach((line) => machines.get(id)?.log(line))
const read = async (id: string, query = '') => (await h.request<Logs>(`/workspaces/${id}/logs${query}`)).body
const messages = ({ lines }: Logs) => lines.map(({ message }) => message)
const follow = async (id: string, query = '', headers = {}) =>
  readEventStream(
    await h.fetchRaw(`/workspaces/${id}/logs${query}`, {
      headers: { accept: 'text/event-stream', ...headers },
    }),
  )
type Stream = Awaited<ReturnType<typeof follow>>
const problemOf = ({ received }: Stream) => received.find(({ type }) => type === 'problem')?.data['reason']
const linesOf = ({ received }: Stream) =>
  received.filter(({ type }) => type === 'line').map(({ data }) => data['message'])
const callsForLogs = () => h.outgoing.filter(({ url }) => url.includes('/logs?')).length

describe('a page of the log', () => {
  test('the newest lines are shown with their machine, generation and source, and later lines follow the position', async () => {
    const id = await make()
    print(id, 'first', 'second')
    const page = await read(id)
    const { machine_id } = (await h.request(`/workspaces/${id}`)).body
    expect(page.lines.at(-1)).toEqual({
      id: page.next,
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      level: 'info',
      message: 'second',
      machine: machine_id,
      generation: 1,
      source: 'agent',
    })
    expect(page.lines.some(({ source }) => source === 'platform')).toBe(true)
    expect(await read(id, `?after=${page.next}`)).toMatchObject({ lines: [], next: page.next, gap: false })
    print(id, 'third')
    expect(messages(await read(id, `?after=${page.next}`))).toEqual(['third'])
    // In the middle of a page.
    expect(messages(await read(id, `?after=${page.lines.at(-2)?.id}`))).toEqual(['second', 'third'])
    await h.request(`/workspaces/${id}/restart`, { method: 'POST', headers: { prefer: 'wait=20' } })
    print(id, 'after the restart')
    const lines = (await read(id, `?after=${page.next}`)).lines
    expect(lines.at(0)).toMatchObject({ message: 'third', generation: 1 })
    expect(lines.at(-1)).toMatchObject({ message: 'after the restart', generation: 2 })
  })

  test('lines are selected by number, time, level and text', async () => {
    const id = await make()
    print(id, 'Needle one', 'hay', 'needle two')
    expect(messages(await read(id, '?tail=1'))).toEqual(['needle two'])
    expect(messages(await read(id, '?tail=0'))).toEqual([])
    expect(messages(await read(id, '?q=NEEDLE&since=10m&level=info,warn'))).toEqual([
      'Needle one',
      'needle two',
    ])
    expect(messages(await read(id, '?level=error'))).toEqual([])
    const later = new Date(h.now().getTime() + 60_000).toISOString()
    expect(messages(await read(id, `?since=${later}`))).toEqual([])
  })

  test('plain text has one line for each, without control characters', async () => {
    const id = await make()
    print(id, 'before \u001b[31mred\u0007', 'forged\n2026-01-01T00:00:00Z agent[x] info line')
    const text = await (
      await h.fetchRaw(`/workspaces/${id}/logs?tail=2`, { headers: { accept: 'text/plain' } })
    ).text()
    expect(text.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^\S+Z agent\[\w+\] info before \ufffd\[31mred\ufffd$/),
      expect.stringMatching(/ info forged\ufffd2026-01-01T00:00:00Z agent\[x\] info line$/),
    ])
  })

  test('secrets are removed in every form, and no other line changes', async () => {
    const id = await make({ secrets: { KEY: SECRET, PEM: 'line-one-of-pem\nline-two-of-pem' } })
    const token = await h.tokenOf(id)
    print(
      id,
      `key=${SECRET}`,
      `${encodeURIComponent(SECRET)} ${btoa(SECRET)}`,
      `x line-two-of-pem`,
      `t ${token}`,
      'plain',
    )
    expect(messages(await read(id, '?tail=5'))).toEqual([
      'key=[secret]',
      '[secret] [secret]',
      'x [secret]',
      't [secret]',
      'plain',
    ])
  })

  test.each([
    ['after=nonsense', 'after'],
    ['after=WyJ4IiwiIiwiIl0', 'after'],
    ['tail=-1', 'tail'],
    ['tail=1001', 'tail'],
    ['since=yesterday', 'since'],
    ['q=', 'q'],
  ])('the query %s is refused with the name of the parameter', async (query, field) => {
    const [first] = (await h.request<{ id: string }[]>('/workspaces')).body
    const id = first?.id ?? (await make())
    const { body, status } = await h.request(`/workspaces/${id}/logs?${query}`)
    expect([status, body['errors']]).toEqual([400, [expect.objectContaining({ field })]])
  })

  test.each([
    [401, 503, 'unauthorized', undefined],
    [404, 409, 'machine_not_found', undefined],
    [429, 503, 'rate_limited', '5'],
    [500, 503, 'provider_unreachable', '5'],
  ])(
    'when Fly answers %i, so says the answer, for a page and for a stream',
    async (fly, status, reason, retry) => {
      const id = await make()
      const fault = h.emulator.faults.add({ kind: 'answer', status: fly, action: 'logs' })
      try {
        for (const accept of ['application/json', 'text/event-stream']) {
          const answer = await h.request(`/workspaces/${id}/logs`, { headers: { accept } })
          expect([
            answer.status,
            answer.body['reason'],
            answer.headers.get('retry-after') ?? undefined,
          ]).toEqual([status, reason, retry])
        }
      } finally {
        h.emulator.faults.remove(fault)
      }
    },
  )
})

describe('following the log', () => {
  test('a stream begins with the newest lines, continues with new ones, and after a reconnect where it was', async () => {
    const id = await make()
    print(id, 'one', 'two')
    const stream = await follow(id, '?tail=1')
    await expect.poll(() => linesOf(stream)).toEqual(['two'])
    print(id, 'three')
    await expect.poll(() => linesOf(stream)).toEqual(['two', 'three'])
    await stream.close()
    print(id, 'four', 'five')
    const again = await follow(id, '', { 'last-event-id': stream.lastEventId() })
    await expect.poll(() => linesOf(again)).toEqual(['four', 'five'])
    await again.close()
    // In the middle of a page, too.
    const middle = again.received.find(({ data }) => data['message'] === 'four')?.id ?? ''
    const third = await follow(id, '?q=five', { 'last-event-id': middle })
    await expect.poll(() => linesOf(third)).toEqual(['five'])
    await third.close()
  })

  test('a stream goes on over a restart and over a new machine, without a gap or a double', async () => {
    const id = await make()
    const stream = await follow(id, '?tail=0')
    const expected: string[] = []
    for (const round of ['first machine', 'restarted', 'second machine']) {
      for (let at = 0; at < 150; at++) {
        print(id, `${round} ${at}`)
        expected.push(`${round} ${at}`)
      }
      const own = () => linesOf(stream).filter((line) => /machine \d|restarted \d/.test(String(line)))
      await expect.poll(own, { timeout: 30_000 }).toEqual(expected)
      h.advance(6_000)
      if (round === 'first machine')
        await h.request(`/workspaces/${id}/restart`, { method: 'POST', headers: { prefer: 'wait=20' } })
      if (round === 'restarted') {
        const { id: machine } = await h.machineOf(id)
        await h.fly('DELETE', `/${machine}?force=true`)
        await h.sweep()
        h.advance(6_000)
        await expect
          .poll(
            async () => {
              await h.sweep()
              const { body } = await h.request(`/workspaces/${id}`)
              return body['status'] === 'ready' && body['machine_id'] !== machine
            },
            { timeout: 30_000 },
          )
          .toBe(true)
      }
    }
    await stream.close()
  })

  test('an outage of Fly is an event of the stream, and the lines after it follow', async () => {
    const id = await make()
    const stream = await follow(id, '?tail=0')
    const fault = h.emulator.faults.add({ kind: 'answer', status: 503, action: 'logs' })
    await expect.poll(() => problemOf(stream)).toBe('provider_unreachable')
    print(id, 'during the outage')
    h.emulator.faults.remove(fault)
    await expect.poll(() => linesOf(stream)).toEqual(['during the outage'])
    const refused = h.emulator.faults.add({ kind: 'answer', status: 401, action: 'logs' })
    await stream.ended
    h.emulator.faults.remove(refused)
    expect(stream.received.at(-1)).toMatchObject({ type: 'problem', data: { reason: 'unauthorized' } })
  })

  test('a stream continues after a moment in which the provider knows no machine', async () => {
    const id = await make()
    const stream = await follow(id, '?tail=0')
    const body = '{"error": "invalid machine ID"}'
    const fault = h.emulator.faults.add({ kind: 'answer', status: 404, body, action: 'logs' })
    await expect.poll(() => problemOf(stream)).toBe('machine_not_found')
    print(id, 'after the gap')
    h.emulator.faults.remove(fault)
    await expect.poll(() => linesOf(stream)).toEqual(['after the gap'])
    await stream.close()
  })

  test.skipIf(IN_WORKERD)(
    '200 followers of one workspace cost Fly one poller, and none cost nothing',
    async () => {
      const id = await make()
      print(id, 'before')
      const began = callsForLogs()
      const streams = await Promise.all(Array.from({ length: 200 }, () => follow(id)))
      print(id, 'after')
      for (const stream of streams) await expect.poll(() => linesOf(stream).at(-1)).toBe('after')
      // One poller pauses for 3 ms or more here. 200 pollers would have asked 200 times at the start alone.
      expect(callsForLogs() - began).toBeLessThan(150)
      await Promise.all(streams.map((stream) => stream.close()))
      await expect
        .poll(async () => {
          const before = callsForLogs()
          await new Promise((end) => setTimeout(end, 300))
          return callsForLogs() - before
        })
        .toBe(0)
    },
  )
})

test('the last lines of a machine that ended by itself are shown by explain and by the log when the machine is gone', async () => {
  const id = await make({ secrets: { KEY: SECRET } })
  const { id: machine } = await h.machineOf(id)
  print(id, `fatal: cannot open ${SECRET}`, 'bye')
  await h.fly('DELETE', `/${machine}?force=true`)
  await expect
    .poll(
      async () => {
        await h.sweep()
        h.advance(6_000)
        return (await h.request(`/workspaces/${id}/explain`)).body['last_lines']
      },
      { timeout: 30_000 },
    )
    .not.toBeNull()
  const explained = (
    await h.request<{ last_lines: { reason: string; lines: Line[] } }>(`/workspaces/${id}/explain`)
  ).body
  expect(explained.last_lines).toMatchObject({ machine_id: machine, generation: 1 })
  expect(explained.last_lines.lines.map(({ message }) => message)).toEqual(
    expect.arrayContaining(['fatal: cannot open [secret]', 'bye']),
  )
  const text = await (
    await h.fetchRaw(`/workspaces/${id}/explain`, { headers: { accept: 'text/plain' } })
  ).text()
  expect(text).toContain('fatal: cannot open [secret]')
  await h.request(`/workspaces/${id}?confirm=true`, { method: 'DELETE', headers: { prefer: 'wait=20' } })
  expect(await read(id)).toMatchObject({ next: null, kept: { reason: explained.last_lines.reason } })
})
