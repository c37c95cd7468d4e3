// The same as bare-fetch.ts, with undici's request on a connection pool in place of fetch.
import { Readable } from 'node:stream'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { Pool } from 'undici'
import { announce } from './announce.ts'

const pool = new Pool(process.argv[2] ?? '')
const app = new Hono()
app.post('*', async (c) => {
  const upstream = await pool.request({
    path: '/',
    method: 'POST',
    headers: { 'content-type': c.req.header('content-type') ?? '' },
    body: await c.req.text(),
  })
  return new Response(Readable.toWeb(upstream.body) as ReadableStream, {
    status: upstream.statusCode,
    headers: { 'content-type': String(upstream.headers['content-type']) },
  })
})
announce(serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }))
