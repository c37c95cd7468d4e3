// The Node entry: starts the server with the settings of the environment, and explains a start that fails.
import { DirectoryInUse } from '../drizzle/drivers/directory-lock.ts'
import { ConfigError, parseConfig } from '../lib/config/config.ts'
import { EmulatorInUse } from '../lib/control-plane/emulator-claim.ts'
import { startWorkers, workerCount, WorkerFailed } from './node/cluster/primary.ts'
import { reportStarted, workerNumber } from './node/cluster/worker.ts'
import { PortInUse } from './node/http-server.ts'
import { firstStartMessage } from './node/start-message.ts'
import { startServer } from './node/start-server.ts'

try {
  const config = parseConfig(process.env)
  const first = firstStartMessage(config)
  if (first !== undefined) console.log(first)
  const print = (line: string) => console.error(line)
  if (workerNumber() !== undefined) reportStarted(await startServer(config, print))
  else if (workerCount(config) === 1) console.log(await startServer(config, print))
  else console.log(await startWorkers(config, print))
} catch (error) {
  // The worker has printed why.
  if (error instanceof WorkerFailed) process.exit(error.exitCode)
  if (isOfDataDirectory(error)) {
    console.error(`DATA_DIR cannot be used: ${error.message}`)
    process.exit(2)
  }
  // A mistake in the settings needs one sentence; any other error needs its stack.
  const isExpected =
    error instanceof ConfigError ||
    error instanceof PortInUse ||
    error instanceof DirectoryInUse ||
    error instanceof EmulatorInUse
  console.error(isExpected ? error.message : error)
  process.exit(isExpected ? 2 : 1)
}

/** A directory that cannot be made or written is a mistake in the settings. */
function isOfDataDirectory(error: unknown): error is NodeJS.ErrnoException {
  const { path } = error as NodeJS.ErrnoException
  const directory = process.env['DATA_DIR'] || '.data'
  return path !== undefined && (path.startsWith(directory) || directory.startsWith(path))
}
