// The Worker in workerd with one ready workspace whose machine is an agent of the caller's: the counterpart of
// proxied-workspace.ts, without vitest.
import { startNeonBridge } from './neon-bridge.ts'
import { freePorts } from './ports.ts'
import {
  createReadyWorkspace,
  PROXIED_HEADERS,
  type ProxiedWorkspace,
  proxiedSettings,
  startMachinesApi,
} from './proxied-workspace.ts'
import { startWorkerd } from './worker.ts'
import { bundleWorker } from './worker-bundle.ts'

type ProxiedWorkerOptions = {
  /** A Postgres with our tables. */
  databaseUrl: string
  inspectorPort: number
  settings: Record<string, string>
}

export async function startProxiedWorker(
  agentUrl: string,
  { databaseUrl, inspectorPort, settings }: ProxiedWorkerOptions,
): Promise<ProxiedWorkspace> {
  const ends: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const end of ends.toReversed()) await end()
  }
  try {
    const { code } = await bundleWorker()
    const bridge = await startNeonBridge()
    ends.push(() => bridge.close())
    const fly = await startMachinesApi()
    ends.push(() => fly.close())
    const [port = 0] = await freePorts(1)
    const worker = await startWorkerd(
      code,
      {
        ...proxiedSettings(fly.url, agentUrl),
        DATABASE_URL: databaseUrl,
        NEON_HTTP_ENDPOINT: bridge.endpoint,
        PUBLIC_URL: `http://127.0.0.1:${port}`,
        ...settings,
      },
      { port, inspectorPort },
    )
    ends.push(() => worker.close())
    const id = await createReadyWorkspace(worker.url)
    const { pid, url } = worker
    return { url, port, path: `/workspaces/${id}/a2a`, headers: PROXIED_HEADERS, pid, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
