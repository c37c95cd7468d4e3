// What a whole test run shares: one real Postgres from npm, on a free port and with nothing synced to disk, in which each harness
// makes its own database; and the Worker under test where that is the place.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { IN_WORKERD, PLACE } from './place-name.ts'
import { bundleWorker } from './worker-bundle.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string
    /** The bundle of worker-under-test.ts, or of the one for Hyperdrive; empty in other places. */
    workerUnderTest: string
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
  const [postgres, worker] = await Promise.all([
    startPostgres(),
    IN_WORKERD
      ? bundleWorker({
          minify: false,
          ...(PLACE === 'hyperdrive'
            ? { entry: 'test/support/worker-under-test-hyperdrive.ts', environment: 'hyperdrive' }
            : { entry: 'test/support/worker-under-test.ts' }),
        })
      : undefined,
  ])
  provide('postgresUrl', postgres.url)
  provide('workerUnderTest', worker?.code ?? '')
  return () => postgres.stop()
}
