// The emulated Fly on loopback ports of this process, for a control plane that runs in another process or in workerd.
import { listen } from '../../functions/node/http-server.ts'
import { withLostConnections } from '../../lib/emulator/shared/connection-lost.ts'
import { createEmulator } from '../../lib/emulator/emulator.ts'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { createInProcessHost } from '../../lib/emulator/guests/in-process-host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { createMachineDirectories } from './machine-directories.ts'
import { verbatimHandler } from './plain-http.ts'
import { TIMINGS } from './quick-timings.ts'

/** @param programs by image; they take precedence over the sample agent, which every runtime's image runs */
export async function startLoopbackFly(programs: Record<string, Program> = {}) {
  const directories = createMachineDirectories()
  const emulator = await createEmulator({
    host: createInProcessHost({
      exec: directories.exec,
      programs: { ...programs, 'ghcr.io/molecule-ai/workspace-*': sampleAgent },
    }),
    timings: TIMINGS,
    defaultApp: 'test-app',
    tokens: ['test-token'],
  })
  emulator.createApp('test-app', { ips: true })
  const at = { host: '127.0.0.1', port: 0, setting: 'a test' }
  const api = await listen(
    withLostConnections((request) => emulator.api.fetch(request)),
    at,
  )
  const proxy = await listen(unreachable, {
    ...at,
    beforeApp: verbatimHandler((request) => emulator.proxy(request)),
  })
  return {
    emulator,
    /** The settings of a control plane that uses it. */
    settings: {
      CONTAINER_BACKEND: 'flyio',
      FLY_API_TOKEN: 'test-token',
      FLY_WORKSPACE_APP: 'test-app',
      FLY_FLAPS_BASE_URL: `http://127.0.0.1:${api.port}`,
      FLY_API_BASE_URL: `http://127.0.0.1:${api.port}`,
      FLY_PROXY_BASE_URL: `http://127.0.0.1:${proxy.port}`,
    },
    /** The directory of a machine in which a command was run. */
    rootOf: directories.rootOf,
    async close() {
      await emulator.close()
      directories.close()
      await Promise.all([api.close(0), proxy.close(0)])
    },
  }
}

const unreachable = () => new Response(null, { status: 500 })
