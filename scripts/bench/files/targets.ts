// The control plane on Node and in workerd, each with a ready workspace, for the bench of files.
import { Client } from 'pg'
import { migratePostgres } from '../../../drizzle/drivers/migrate-postgres.ts'
import { startNeonBridge } from '../../../test/support/neon-bridge.ts'
import { freePorts } from '../../../test/support/ports.ts'
import { startPostgres } from '../../../test/support/postgres.ts'
import { childrenOf } from '../../../test/support/processes.ts'
import { createServerFixture, startServer } from '../../../test/support/server.ts'
import { bundleWorker } from '../../../test/support/worker-bundle.ts'
import { startWorkerd } from '../../../test/support/worker.ts'
import { createGarbageCollector } from '../support/force-gc.ts'

const ADMIN_TOKEN = 'an-operator-who-measures'
const HEADERS = { authorization: `Bearer ${ADMIN_TOKEN}` }

export type Target = {
  url: string
  headers: Record<string, string>
  workspaceId: string
  /** The process whose memory counts. */
  pid: number
  /** Collects its garbage, where that can be forced. */
  collect?: () => Promise<void>
  stop(): Promise<void>
}

export async function startNodeServer(fly: Record<string, string>): Promise<Target> {
  const fixture = await createServerFixture()
  const collector = await createGarbageCollector()
  const { settings } = fixture
  const server = await startServer({
    ...settings,
    ...fly,
    ADMIN_TOKEN,
    PUBLIC_URL: `http://127.0.0.1:${settings.PORT}`,
    NODE_OPTIONS: collector.nodeOption,
  })
  return {
    url: server.url,
    headers: HEADERS,
    workspaceId: await createWorkspace(server.url),
    pid: server.pid,
    collect: () => collector.collect(server.pid),
    async stop() {
      await server.end('SIGKILL')
      fixture.remove()
    },
  }
}

export async function startWorkerServer(fly: Record<string, string>): Promise<Target> {
  const { code } = await bundleWorker()
  const postgres = await startPostgres()
  const database = new URL(postgres.url)
  const client = new Client({ connectionString: postgres.url })
  await client.connect()
  await client.query('create database bench_files')
  await client.end()
  database.pathname = '/bench_files'
  await migratePostgres(database.href)
  const bridge = await startNeonBridge()
  const [port = 0] = await freePorts(1)
  const others = new Set(childrenOf(process.pid, 'workerd'))
  const worker = await startWorkerd(
    code,
    {
      ...fly,
      DATABASE_URL: database.href,
      NEON_HTTP_ENDPOINT: bridge.endpoint,
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      ADMIN_TOKEN,
      SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'b').toString('base64'),
      LOG_LEVEL: 'error',
    },
    { port },
  )
  const pid = childrenOf(process.pid, 'workerd').find((one) => !others.has(one)) ?? 0
  return {
    url: worker.url,
    headers: HEADERS,
    workspaceId: await createWorkspace(worker.url),
    pid,
    async stop() {
      await worker.close()
      await bridge.close()
      await postgres.stop()
    },
  }
}

async function createWorkspace(url: string): Promise<string> {
  const response = await fetch(new URL('/workspaces', url), {
    method: 'POST',
    headers: { ...HEADERS, 'content-type': 'application/json', prefer: 'wait=30' },
    body: JSON.stringify({ name: 'measured', runtime: 'hermes' }),
  })
  const text = await response.text()
  const { id, status } = JSON.parse(text) as { id?: string; status?: string }
  if (id === undefined || status !== 'ready') throw new Error(`create answered ${response.status}: ${text}`)
  return id
}
