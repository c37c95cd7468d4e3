// The workspaces of bench:requests, and a copy of what this server answers about them, for the floor.
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { Client } from 'pg'
import type { Server } from '../../../test/support/server.ts'

const WORKSPACES = 100

export type AgentToken = { id: string; token: string }

/** Workspaces whose agents have tokens. They are paused, so that nothing else happens to them meanwhile. */
export async function createAgents(url: string): Promise<AgentToken[]> {
  const created = Array.from({ length: WORKSPACES }, () => ({
    id: randomUUID(),
    token: randomBytes(32).toString('base64url'),
  }))
  const client = new Client({ connectionString: url })
  await client.connect()
  for (const { id, token } of created) {
    await client.query(
      `insert into workspaces (id, name, runtime, tier, regions, status, status_changed_at, created_at, updated_at)
       values ($1, 'measured', 'hermes', 2, '["ord"]', 'paused', now(), now(), now())`,
      [id],
    )
    const hash = createHash('sha256').update(token).digest('hex')
    await client.query(
      'insert into workspace_tokens (workspace_id, hash, prefix, generation, created_at) values ($1, $2, $3, 1, now())',
      [id, hash, token.slice(0, 8)],
    )
  }
  await client.end()
  return created
}

/** Stores what this server answers for each workspace, for the floor. */
export async function copyAnswers(
  url: string,
  server: Pick<Server, 'call'>,
  adminToken: string,
): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query('create table answers (id uuid primary key, answer jsonb not null)')
  const { body } = await server.call<{ id: string }[]>('/workspaces', {
    headers: { authorization: `Bearer ${adminToken}` },
  })
  for (const answer of body) {
    await client.query('insert into answers values ($1, $2)', [answer.id, JSON.stringify(answer)])
  }
  await client.end()
}
