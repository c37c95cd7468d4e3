// What Hono and Postgres need for the same answers: a prepared statement for each, without anything else. Its first argument
// is the database's URL, with the answers in a table `answers`.
import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { Pool } from 'pg'
import { announce } from '../proxy/announce.ts'

type Row = { answer: Record<string, unknown> }

const pool = new Pool({ connectionString: process.argv[2] })

const app = new Hono()
  .get('/workspaces/:id', async (c) => {
    const text = 'select answer from answers where id = $1'
    const { rows } = await pool.query<Row>({ name: 'read', text, values: [c.req.param('id')] })
    return c.json(rows[0]?.answer)
  })
  .get('/workspaces', async (c) => {
    const text = 'select answer from answers order by id limit 100'
    const { rows } = await pool.query<Row>({ name: 'list', text })
    return c.json(rows.map(({ answer }) => answer))
  })
  .post('/workspaces', async (c) => {
    const { name } = await c.req.json<{ name: string }>()
    const text = `insert into answers (id, answer)
      select gen_random_uuid(), answer || jsonb_build_object('name', $1::text) from answers limit 1 returning answer`
    const { rows } = await pool.query<Row>({ name: 'create', text, values: [name] })
    return c.json(rows[0]?.answer)
  })

const listener = getRequestListener(app.fetch)
announce(createServer((incoming, outgoing) => void listener(incoming, outgoing)).listen(0, '127.0.0.1'))
