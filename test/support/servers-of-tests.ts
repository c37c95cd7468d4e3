// Servers as processes, for test files in which each test starts its own: none of them, and none of their data, outlives its test.
import { afterEach, beforeEach } from 'vitest'
import { type createServerFixture, type Server, type Settings, startServer } from './server.ts'

type Fixture = Awaited<ReturnType<typeof createServerFixture>>

/**
 * Hooks that give each test a data directory and ports, and end its servers. Call this once in a test file.
 * @param createFixture makes the data directory that each test begins with
 */
export function serversOfTests(createFixture: () => Promise<Fixture>) {
  let files: Fixture
  let running: Server[]
  beforeEach(async () => {
    files = await createFixture()
    running = []
  })
  afterEach(async () => {
    await Promise.all(running.map((server) => server.end('SIGKILL')))
    files.remove()
  })
  return {
    /** The data directory and the ports of the running test. */
    get files() {
      return files
    },
    async start(settings: Settings = {}): Promise<Server> {
      const server = await startServer({ ...files.settings, ...settings })
      running.push(server)
      return server
    },
  }
}
