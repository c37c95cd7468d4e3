// Starts the control plane: as the Node server in its own process, or as the Worker in workerd. Both over real sockets, a
// real Postgres and the same emulated Fly.
import type { Program } from '../../../lib/emulator/guests/host.ts'
import { createPostgresDatabase } from '../../support/database.ts'
import { startLoopbackFly } from '../../support/loopback-fly.ts'
import { freePorts } from '../../support/ports.ts'
import { startServer } from '../../support/server.ts'
import { ADMIN_TOKEN, startWorkerFixture } from '../../support/worker.ts'
import { bundleWorker } from '../../support/worker-bundle.ts'

/** `token` is empty where none is needed. */
export type ControlPlane = { url: string; token: string; close(): Promise<void> }

export type StartControlPlane = (programs: Record<string, Program>) => Promise<ControlPlane>

/** No rate limit: a long run sends more than a caller may. */
const SETTINGS = { A2A_RATE_PER_MINUTE: '0' }

/** @param settings override those of this function */
export const startNode = async (
  programs: Record<string, Program>,
  settings: Record<string, string> = {},
): Promise<ControlPlane> => {
  const fly = await startLoopbackFly(programs)
  const [port = 0] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  const server = await startServer({
    ...fly.settings,
    DATABASE_URL: await createPostgresDatabase(),
    PORT: String(port),
    PUBLIC_URL: url,
    ADMIN_TOKEN,
    LOG_LEVEL: 'error',
    ...SETTINGS,
    ...settings,
  })
  return {
    url,
    token: settings['ADMIN_TOKEN'] ?? ADMIN_TOKEN,
    async close() {
      await server.end('SIGTERM')
      await fly.close()
      // Errors that the server logged are shown even if the tests pass.
      if (server.printed.stderr !== '') console.log(server.printed.stderr)
    },
  }
}

export const startWorker: StartControlPlane = async (programs) => {
  const bundle = await bundleWorker()
  const controlPlane = await startWorkerFixture(bundle.code, programs, SETTINGS)
  return { url: controlPlane.url, token: ADMIN_TOKEN, close: () => controlPlane.close() }
}
