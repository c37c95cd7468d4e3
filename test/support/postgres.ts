// Global setup of a test run: one Postgres from npm on a free port, without fsync, in which each harness creates its own
// database; the directory of what is made once in the run; and the bundle of the Worker under test for the targets in workerd.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { beginRun } from './once-in-run.ts'
import { IN_WORKERD, TARGET } from './test-target.ts'
import { bundleWorker } from './worker-bundle.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string
    /** The bundle of worker-under-test.ts, or of the one for Hyperdrive; empty for targets in this process. */
    workerUnderTest: string
  }
}

/**
 * Starts a server that ends with this process.
 * @param tls it accepts only TLS, with a certificate for `localhost` by an authority of its own, and its password has characters
 *   that a URL needs to have encoded
 * @returns with TLS also the file of the authority's certificate
 */
export async function startPostgres({ tls = false } = {}): Promise<{
  url: string
  authority: string
  stop(): Promise<void>
}> {
  const script = fileURLToPath(new URL('postgres-server.ts', import.meta.url))
  const server = fork(script, tls ? ['--tls'] : [], { execArgv: [] })
  const died = once(server, 'exit').then(() => {
    throw new Error('the Postgres of this run did not start')
  })
  const [message] = (await Promise.race([once(server, 'message'), died])) as [
    { url: string; authority: string },
  ]
  died.catch(() => {})
  return {
    ...message,
    async stop() {
      const ended = once(server, 'exit')
      server.disconnect()
      await ended
    },
  }
}

export default async function setup({ provide }: TestProject) {
  beginRun()
  const [postgres, worker] = await Promise.all([
    startPostgres(),
    IN_WORKERD
      ? bundleWorker(
          TARGET === 'hyperdrive'
            ? { entry: 'test/support/worker-under-test-hyperdrive.ts', environment: 'hyperdrive' }
            : { entry: 'test/support/worker-under-test.ts' },
        )
      : undefined,
  ])
  provide('postgresUrl', postgres.url)
  provide('workerUnderTest', worker?.code ?? '')
  return () => postgres.stop()
}
