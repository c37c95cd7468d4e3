// Registrations and cards of one agent change one row. Those that wait for it must not take the database from the others.
import { expect, test } from 'vitest'
import { beatingAgents, statusesOf } from '../support/beating-agents.ts'

const on = beatingAgents()

/** More than the connections of the pool. */
const MANY = 12

test.for([
  ['register', 'id'],
  ['update-card', 'workspace_id'],
] as const)('requests to %s that wait for their row delay nobody else', async ([route, idMember]) => {
  const [flooding, other] = await on.agents('flooding', 'other')
  const send = (name: string) =>
    on.h.request(`/registry/${route}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${flooding.token}` },
      json: { [idMember]: flooding.id, agent_card: { name, url: 'http://x' } },
    })
  const release = await on.lock(flooding)
  const answers = Array.from({ length: MANY }, (_, at) => send(String(at)))
  await on.untilWaiting(1)
  for (let beat = 0; beat < 3; beat++) expect((await on.beat(other)).status).toBe(200)
  expect(await on.waiting()).toHaveLength(1)
  await release()
  expect(new Set(statusesOf(await Promise.all(answers)))).toEqual(new Set([200]))
  expect((await on.read(flooding))['agent_card']).toMatchObject({ name: String(MANY - 1) })
})

test('a registration that fails for its token delays or fails no later one', async () => {
  const [agent] = await on.agents('agent')
  const send = (id: string) =>
    on.h.request('/registry/register', {
      method: 'POST',
      headers: { authorization: `Bearer ${agent.token}` },
      json: { id, agent_card: { name: 'x', url: 'http://x' } },
    })
  const answers = await Promise.all([send(crypto.randomUUID()), send(agent.id), send(crypto.randomUUID())])
  expect(statusesOf(answers)).toEqual([401, 200, 401])
})

test('registrations that find no database are all refused at once', async () => {
  const [agent] = await on.agents('agent')
  const release = await on.lock(agent)
  const answers = Array.from({ length: MANY }, () =>
    on.h.request('/registry/register', {
      method: 'POST',
      headers: { authorization: `Bearer ${agent.token}` },
      json: { id: agent.id, agent_card: { name: 'x', url: 'http://x' } },
    }),
  )
  await on.untilWaiting(1)
  for (const pid of await on.waiting()) await on.client.query('select pg_terminate_backend($1)', [pid])
  expect(new Set(statusesOf(await Promise.all(answers)))).toEqual(new Set([503]))
  await release()
})
