// The ways to reach the agent: directly, or through a proxy in its own process. All get the same headers.
import { startPostgres } from '../../../test/support/postgres.ts'
import { migratePostgres } from '../../../drizzle/drivers/migrate-postgres.ts'
import { startProxiedWorkspace } from '../../../test/support/proxied-workspace.ts'
import { startListening } from './child.ts'
import { createGarbageCollector } from '../support/force-gc.ts'
import type { Target } from './load.ts'
import { isGoInstalled, startGo } from './go.ts'
import { isNginxInstalled, startNginx } from './nginx.ts'

export const TARGET_NAMES = ['direct', 'ours', 'node', 'go', 'nginx', 'hono-fetch', 'hono-undici'] as const
export type TargetName = (typeof TARGET_NAMES)[number]

export type DatabaseKind = 'pglite' | 'postgres'

export const isTargetName = (name: string): name is TargetName =>
  (TARGET_NAMES as readonly string[]).includes(name)

export const isDatabaseKind = (name: string): name is DatabaseKind => name === 'pglite' || name === 'postgres'

export type ProxyTarget = {
  name: TargetName
  target: Target
  /** The process of the proxy; the direct way has none. */
  pid: number | undefined
  /** Undefined if the proxy has no garbage collector. */
  collectGarbage: (() => Promise<void>) | undefined
  stop(): Promise<void>
}

type Proxy = {
  port: number
  path?: string
  headers?: Record<string, string>
  pid: number
  stop(): Promise<void>
}

/** @returns undefined if the proxy is not installed on this computer */
export async function openTarget(
  name: TargetName,
  agentPort: number,
  database: DatabaseKind,
): Promise<ProxyTarget | undefined> {
  const target = { port: agentPort, path: '/', headers: {} }
  if (name === 'direct') {
    return { name, target, pid: undefined, collectGarbage: undefined, stop: async () => {} }
  }
  const agentUrl = `http://127.0.0.1:${agentPort}`
  if (name === 'nginx' || name === 'go') {
    if (!(name === 'go' ? isGoInstalled() : isNginxInstalled())) return undefined
    const proxy = await (name === 'go' ? startGo(agentUrl) : startNginx(agentPort))
    return {
      name,
      target: { ...target, port: proxy.port },
      pid: proxy.pid,
      collectGarbage: undefined,
      stop: () => proxy.stop(),
    }
  }
  const collector = await createGarbageCollector()
  const proxy = await startNodeProxy(name, agentUrl, collector.nodeOption, database)
  const { port, pid, path = '/', headers = {} } = proxy
  return {
    name,
    target: { port, path, headers },
    pid,
    collectGarbage: () => collector.collect(pid),
    stop: () => proxy.stop(),
  }
}

function startNodeProxy(
  name: Exclude<TargetName, 'direct' | 'nginx' | 'go'>,
  agentUrl: string,
  nodeOption: string,
  database: DatabaseKind,
): Promise<Proxy> {
  switch (name) {
    case 'ours':
      return database === 'postgres'
        ? startOursOnPostgres(agentUrl, nodeOption)
        : startProxiedWorkspace(agentUrl, { nodeOption })
    case 'node':
      return startListening('bare-node.ts', [agentUrl], [nodeOption])
    case 'hono-fetch':
      return startListening('bare-fetch.ts', [agentUrl], [nodeOption])
    case 'hono-undici':
      return startListening('bare-undici.ts', [agentUrl], [nodeOption])
  }
}

async function startOursOnPostgres(agentUrl: string, nodeOption: string): Promise<Proxy> {
  const postgres = await startPostgres()
  await migratePostgres(postgres.url)
  const ours = await startProxiedWorkspace(agentUrl, { databaseUrl: postgres.url, nodeOption })
  return {
    ...ours,
    async stop() {
      await ours.stop()
      await postgres.stop()
    },
  }
}
