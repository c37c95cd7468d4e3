// One real Postgres for the whole test run, from npm, on a free port and with nothing synced to disk. vitest starts it before
// the tests; each harness makes its own database in it.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string
  }
}

/** Starts a server that lives no longer than this process. */
export async function startPostgres(): Promise<{ url: string; stop(): Promise<void> }> {
  const server = fork(fileURLToPath(new URL('postgres-server.ts', import.meta.url)), { execArgv: [] })
  const died = once(server, 'exit').then(() => {
    throw new Error('the Postgres of this run did not start')
  })
  const [message] = (await Promise.race([once(server, 'message'), died])) as [{ url: string }]
  died.catch(() => {})
  return {
    url: message.url,
    async stop() {
      const ended = once(server, 'exit')
      server.disconnect()
      await ended
    },
  }
}

export default async function setup({ provide }: TestProject) {
  const postgres = await startPostgres()
  provide('postgresUrl', postgres.url)
  return () => postgres.stop()
}
