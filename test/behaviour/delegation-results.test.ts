// The results of delegations: what the source is shown, in the list too, and for how long.
import { beforeAll, describe, expect, test } from 'vitest'
import { messages } from '../../drizzle/schema/index.ts'
import { ADMIN, delegationClient, DELEGATION_SETTINGS, type Family } from '../support/delegations.ts'
import type { Harness } from '../support/harness.ts'
import { createGate, reply } from '../support/scripted-agent.ts'
import { useScriptedHarness } from '../support/scripted-harness.ts'

const DAY = 86_400_000
const { harness, scriptedAgent } = useScriptedHarness(DELEGATION_SETTINGS)

let h: Harness
let family: Family
const { create, createFamily, remove, delegate, record, list, rowOf, delegateUndelivered } = delegationClient(
  () => h,
  () => family,
)
beforeAll(async () => {
  h = harness()
  family = await createFamily()
})

describe('results', () => {
  const after = async (answer: () => Response | Promise<Response>) => {
    scriptedAgent.answer = answer
    const { body } = await delegate({})
    await h.untilIdle()
    return rowOf(body['delegation_id'])
  }

  test('a delegation is shown with every field that Molecule names', async () => {
    const { boss, peer } = family
    const gate = createGate()
    scriptedAgent.answer = async (arrival) => {
      await gate.passed
      return reply(arrival)
    }
    const task = `Do this: ${'ü'.repeat(500)}`
    const { body } = await delegate({ task })
    const row = {
      id: body['delegation_id'],
      type: 'delegation',
      source_id: boss,
      target_id: peer,
      summary: task.slice(0, 200),
      status: 'delegated',
      created_at: expect.any(String),
      delegation_id: body['delegation_id'],
      error: '',
      response_preview: '',
    }
    expect((await list())[0]).toEqual(row)
    gate.open()
    await h.untilIdle()
    expect((await list())[0]).toEqual({ ...row, status: 'completed', response_preview: `done: ${task}` })
  })

  test('the result of a delegation is the text of the completed task', async () => {
    const task = {
      kind: 'task',
      id: 't',
      status: { state: 'completed' },
      artifacts: [{ parts: [{ kind: 'text', text: '1, 2, 3' }] }],
    }
    expect(await after(() => Response.json({ jsonrpc: '2.0', id: 1, result: task }))).toMatchObject({
      status: 'completed',
      response_preview: '1, 2, 3',
    })
  })

  test('a long result is cut between two characters', async () => {
    const text = `x${'😀'.repeat(3_000)}`
    const row = await after(() => reply({ text }))
    const preview = String(row?.['response_preview'])
    expect(preview.length).toBe(4_096)
    expect(preview.isWellFormed()).toBe(true)
  })

  test.each<[string, () => Response | Promise<Response>, string]>([
    [
      'an error',
      () => Response.json({ jsonrpc: '2.0', id: 1, error: { code: -32603, message: 'I cannot count.' } }),
      'I cannot count.',
    ],
    [
      'an error status',
      () => Response.json({ detail: 'oops' }, { status: 500 }),
      'the agent answered with HTTP 500',
    ],
    [
      'HTML',
      () => new Response('<h1>', { headers: { 'content-type': 'text/html' } }),
      'the agent answered with something that is not A2A',
    ],
  ])('a delegation fails when the agent answers with %s', async (_what, answer, error) => {
    expect(await after(answer)).toMatchObject({ status: 'failed', error, response_preview: '' })
  })

  test('a delegation fails when its target is removed before delivery', async () => {
    const id = await create()
    const delegation = await delegateUndelivered({ target_id: id })
    await remove(id)
    await h.deliver()
    expect(await rowOf(delegation)).toMatchObject({ status: 'failed', error: 'the workspace was removed' })
  })
})

describe('listing', () => {
  test('the list contains the delegations of the workspace itself, newest first', async () => {
    const { peer } = family
    const source = await create()
    expect(await list(source)).toEqual([])
    for (const task of ['1', '2', '3']) await delegate({ task }, source)
    await delegate({ target_id: source }, peer)
    expect((await list(source)).map(({ summary }) => summary)).toEqual(['3', '2', '1'])
    expect((await list(source, '?limit=2')).map(({ summary }) => summary)).toEqual(['3', '2'])
    await remove(source)
    expect(await list(source)).toHaveLength(3)
  })

  test.each(['0', '501', 'many'])('the list refuses a limit of %s', async (limit) => {
    const { status, body } = await h.request(`/workspaces/${family.boss}/delegations?limit=${limit}`, {
      headers: ADMIN,
    })
    expect([status, body['errors']]).toMatchObject([400, [{ field: 'limit' }]])
  })
})

test('delegations are deleted after the retention period of activity, unless they are open or have just ended', async () => {
  const source = await create()
  const target = await create()
  await record({ delegation_id: 'recorded' }, source)
  await delegate({ task: 'done' }, source)
  await h.untilIdle()
  await h.setCanRunInBackground(false)
  await delegate({ task: 'waiting', target_id: target }, source)
  await h.setCanRunInBackground(true)
  await h.db.update(messages).set({ expiresAt: new Date(h.now().getTime() + 9 * DAY) })
  const summaries = async () => (await list(source)).map(({ summary }) => summary)
  h.advance(3 * DAY - 60_000)
  await record({ delegation_id: 'young' }, source)
  await h.runRetention()
  expect(await summaries()).toEqual(['By myself.', 'waiting', 'done', 'By myself.'])
  h.advance(11 * 60_000)
  await h.runRetention()
  expect(await summaries()).toEqual(['By myself.', 'waiting'])
  await h.deliver()
  h.advance(11 * 60_000)
  await h.runRetention()
  expect(await list(source)).toMatchObject([
    { summary: 'By myself.' },
    { summary: 'waiting', status: 'completed' },
  ])
  h.advance(4 * DAY)
  await h.runRetention()
  expect(await list(source)).toEqual([])
})
