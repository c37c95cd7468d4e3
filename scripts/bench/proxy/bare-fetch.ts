// The minimal proxy with Hono and the global fetch: no access control, no limits, no error handling.
// Its first argument is the agent's URL.
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { announce } from './announce.ts'

const agent = process.argv[2] ?? ''
const app = new Hono()
app.post('*', async (c) => {
  const upstream = await fetch(agent, {
    method: 'POST',
    headers: { 'content-type': c.req.header('content-type') ?? '' },
    body: await c.req.text(),
  })
  return new Response(upstream.body, {
    status: upstream.status,
    headers: { 'content-type': upstream.headers.get('content-type') ?? '' },
  })
})
announce(serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }))
