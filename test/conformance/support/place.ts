// Where the control plane runs: as the Node server in a process of its own, or as the Worker in workerd. Both over real
// sockets, a real Postgres and the same emulated Fly.
import type { Program } from '../../../lib/emulator/guests/host.ts'
import { createPostgresDatabase } from '../../support/database.ts'
import { startLoopbackFly } from '../../support/loopback-fly.ts'
import { freePorts } from '../../support/ports.ts'
import { startServer } from '../../support/server.ts'
import { ADMIN_TOKEN, startWorkerFixture } from '../../support/worker.ts'
import { bundleWorker } from '../../support/worker-bundle.ts'

export type Place = { url: string; token: string; close(): Promise<void> }

export type OpenPlace = (programs: Record<string, Program>) => Promise<Place>

/** Long runs ask more than anybody should be allowed to. */
const SETTINGS = { A2A_RATE_PER_MINUTE: '0' }

export const openNodePlace: OpenPlace = async (programs) => {
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
  })
  return {
    url,
    token: ADMIN_TOKEN,
    async close() {
      await server.end('SIGTERM')
      await fly.close()
      // What a process of ours wrote to stderr is of interest, whatever the tests say.
      if (server.printed.stderr !== '') console.log(server.printed.stderr)
    },
  }
}

export const openWorkerPlace: OpenPlace = async (programs) => {
  const bundle = await bundleWorker({ minify: true })
  const place = await startWorkerFixture(bundle.code, programs, SETTINGS)
  return { url: place.url, token: ADMIN_TOKEN, close: () => place.close() }
}
