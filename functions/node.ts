// The Node entry: starts the server with the settings of the environment, and explains a start that fails.
import { DirectoryInUse } from '../drizzle/drivers/directory-lock.ts'
import { ConfigError, parseConfig } from '../lib/config/config.ts'
import { PortInUse } from './node/http-server.ts'
import { firstStartMessage } from './node/start-message.ts'
import { startServer } from './node/start-server.ts'

try {
  const config = parseConfig(process.env)
  const first = firstStartMessage(config)
  if (first !== undefined) console.log(first)
  const message = await startServer(config, (line) => console.error(line))
  console.log(message)
} catch (error) {
  // A mistake in the settings needs one sentence; any other error needs its stack.
  const isExpected =
    error instanceof ConfigError || error instanceof PortInUse || error instanceof DirectoryInUse
  console.error(isExpected ? error.message : error)
  process.exit(isExpected ? 2 : 1)
}
