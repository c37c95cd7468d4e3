// What Node and Postgres need for a heartbeat: node:http and node-postgres with one UPDATE, without anything else. Its first
// argument is the database's URL.
import { createServer, type ServerResponse } from 'node:http'
import { Pool } from 'pg'
import { announce } from '../proxy/announce.ts'

const pool = new Pool({ connectionString: process.argv[2] })

const BEAT = `update workspaces set last_heartbeat_at = now(), active_tasks = $2, uptime_seconds = $3
  where id = $1 returning id, status, generation, error_rate`

type Beat = { workspace_id: string; active_tasks: number; uptime_seconds: number }

const server = createServer((incoming, outgoing) => {
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  incoming.on('end', () => void answer(Buffer.concat(chunks).toString(), outgoing))
})
announce(server.listen(0, '127.0.0.1'))

async function answer(text: string, outgoing: ServerResponse): Promise<void> {
  const beat = JSON.parse(text) as Beat
  const values = [beat.workspace_id, beat.active_tasks, beat.uptime_seconds]
  const { rowCount } = await pool.query(BEAT, values)
  const body = JSON.stringify({ status: rowCount === 1 ? 'ok' : 'unknown', platform_inbound_secret: 'none' })
  const length = Buffer.byteLength(body)
  outgoing.writeHead(200, { 'content-type': 'application/json', 'content-length': length })
  outgoing.end(body)
}
