// The server in front of an agent that speaks TCP, for tests of what the network does to an exchange.
import { createPostgresDatabase } from '../support/database.ts'
import { type ProxiedWorkspace, startProxiedWorkspace } from '../support/proxied-workspace.ts'
import type { createTcpAgent } from './tcp-agent.ts'

/** The head of an event stream that ends with its connection. */
export const STREAM_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n'

export async function startInFrontOf(
  agent: ReturnType<typeof createTcpAgent>,
  settings: Record<string, string>,
): Promise<ProxiedWorkspace> {
  await agent.listen()
  return startProxiedWorkspace(agent.url, { databaseUrl: await createPostgresDatabase(), settings })
}
