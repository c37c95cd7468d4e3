// The embedded Fly emulator: its API and its proxy listen on two loopback ports, and its machines are processes of
// this computer. The control plane reaches it over HTTP only, as it would reach Fly.
import { lockDirectory } from '../../drizzle/drivers/directory-lock.ts'
import type { Config } from '../../lib/config/config.ts'
import type { EmulatorIdentity } from '../../lib/control-plane/emulator-claim.ts'
import { withLostConnections } from '../../lib/emulator/shared/connection-lost.ts'
import { createEmulator, type Emulator } from '../../lib/emulator/emulator.ts'
import { createFileStore } from '../../lib/emulator/node/file-store.ts'
import { createProcessHost } from '../../lib/emulator/node/process-host.ts'
import { readEmulatorId } from './emulator-claim.ts'
import { type ImageTable, resolveImages } from './emulated-images.ts'
import { listen } from './http-server.ts'

const HOST = '127.0.0.1'

export type EmbeddedFly = { apiUrl: string; proxyUrl: string; close(): Promise<void> }

const directoryOf = ({ dataDirectory }: Config) => `${dataDirectory}/fly`

/** The ports of the emulator, before it has been started. Requests wait until then. */
export type EmbeddedFlyPorts = {
  /** Which emulator it is: the same one at the next start with the same files. */
  identity: EmulatorIdentity
  /** @throws DirectoryInUse while another process uses its files */
  start(log: (line: string) => void): Promise<EmbeddedFly>
  close(): Promise<void>
}

/** @throws ConfigError when a program in place of an image does not exist; PortInUse */
export async function listenForEmbeddedFly(config: Config): Promise<EmbeddedFlyPorts> {
  const images = resolveImages(config)
  const started = Promise.withResolvers<Emulator>()
  const listenAt = (offset: number, answer: (emulator: Emulator, request: Request) => Promise<Response>) =>
    listen(
      withLostConnections(async (request) => answer(await started.promise, request)),
      {
        host: HOST,
        port: config.emulator.port === 0 ? 0 : config.emulator.port + offset,
        setting: 'EMULATOR_PORT',
      },
    )
  const api = await listenAt(0, async (emulator, request) => emulator.api.fetch(request))
  const proxy = await listenAt(1, (emulator, request) => emulator.proxy(request))
  const close = async () => void (await Promise.all([api.close(0), proxy.close(0)]))
  return {
    identity: { id: readEmulatorId(directoryOf(config)), url: `http://${HOST}:${api.port}` },
    close,
    async start(log) {
      // Two emulators that write the same files would destroy each other's machines.
      const unlock = await lockDirectory(directoryOf(config))
      const emulator = await createEmbeddedEmulator(config, images, log)
      started.resolve(emulator)
      return {
        apiUrl: `http://${HOST}:${api.port}`,
        proxyUrl: `http://${HOST}:${proxy.port}`,
        async close() {
          await emulator.close()
          await close()
          await unlock()
        },
      }
    },
  }
}

async function createEmbeddedEmulator(
  config: Config,
  images: ImageTable,
  log: (line: string) => void,
): Promise<Emulator> {
  const { apps, token } = config.fly
  const directory = directoryOf(config)
  const emulator = await createEmulator({
    host: createProcessHost({
      images,
      directory: `${directory}/guests`,
      // Kept across runs, unlike the guests' own folder.
      disksDirectory: `${directory}/disks`,
      log,
    }),
    store: createFileStore(directory),
    tokens: [token],
    defaultApp: apps[0],
    timings: { pullMs: config.emulator.bootMs / 2, bootMs: config.emulator.bootMs / 2 },
    log,
  })
  for (const app of apps) emulator.createApp(app, { ips: true })
  return emulator
}
