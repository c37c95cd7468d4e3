// Runs a Docker daemon of its own, apart from any other on this computer: its data, its socket, no bridge and no firewall
// rules. It sends `ready` or the reason why the daemon did not start, restarts the daemon at the message `restart`, and
// ends with its containers when the parent does. DOCKERD_PARENT names the directory that gets its data.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A loaded computer takes long to start a daemon. */
const START_MS = 45_000

const directory = process.env['DOCKERD_PARENT'] ?? ''
const socketPath = join(directory, 'docker.sock')
const logPath = join(directory, 'dockerd.log')

let daemon: ChildProcess | undefined

process.on('exit', () => daemon?.kill('SIGTERM'))
process.on('disconnect', () => void end().then(() => process.exit(0)))
// Ctrl-C reaches the whole process group; the daemon must outlive it until the parent disconnects.
process.on('SIGINT', () => {})
process.on('message', (message) => {
  if (message === 'restart') void end().then(start)
})

// Not the configuration of another daemon of this computer.
writeFileSync(join(directory, 'daemon.json'), '{}')
await start()

async function start(): Promise<void> {
  // Files in layers are quicker; where the file system cannot have them, copies work everywhere.
  const isUp = (await startWith('overlay2')) || (await startWith('vfs'))
  process.send?.(isUp ? 'ready' : `dockerd did not start:\n${readFileSync(logPath, 'utf8').slice(-3_000)}`)
}

async function startWith(driver: string): Promise<boolean> {
  const log = openSync(logPath, 'a')
  daemon = spawn(
    'dockerd',
    [
      '--iptables=false',
      '--bridge=none',
      `--storage-driver=${driver}`,
      `--data-root=${join(directory, 'data')}`,
      `--exec-root=${join(directory, 'exec')}`,
      `--pidfile=${join(directory, 'dockerd.pid')}`,
      `--host=unix://${socketPath}`,
      `--config-file=${join(directory, 'daemon.json')}`,
      '--host-gateway-ip=127.0.0.1',
      '--shutdown-timeout=5',
    ],
    { stdio: ['ignore', log, log] },
  )
  closeSync(log)
  const failed = once(daemon, 'error').then(
    () => 'error',
    () => 'error',
  )
  const ended = once(daemon, 'exit').then(
    () => 'exit',
    () => 'exit',
  )
  const until = Date.now() + START_MS
  while (Date.now() < until) {
    if ((await Promise.race([failed, ended, sleep(100, 'running')])) !== 'running') return false
    if (existsSync(socketPath) && (await answers())) return true
  }
  await end()
  return false
}

async function answers(): Promise<boolean> {
  return (await ask('GET', '/_ping'))?.status === 200
}

/** @returns undefined when the daemon does not answer */
function ask(method: string, path: string): Promise<{ status: number; body: string } | undefined> {
  return new Promise((resolve) => {
    const outgoing = request({ socketPath, method, path }, (incoming) => {
      void incoming
        .setEncoding('utf8')
        .toArray()
        .then((parts) => resolve({ status: incoming.statusCode ?? 0, body: parts.join('') }))
    })
    outgoing.once('error', () => resolve(undefined))
    outgoing.end()
  })
}

/** A daemon that ends would wait for each container to stop. */
async function removeContainers(): Promise<void> {
  const list = await ask('GET', '/containers/json?all=1')
  const containers = JSON.parse(list?.body ?? '[]') as { Id: string }[]
  await Promise.all(containers.map(({ Id }) => ask('DELETE', `/containers/${Id}?force=1&v=1`)))
}

async function end(): Promise<void> {
  const running = daemon
  daemon = undefined
  if (!process.connected) await removeContainers()
  if (running !== undefined && running.exitCode === null && running.signalCode === null) {
    const exited = once(running, 'exit')
    running.kill('SIGTERM')
    await exited
  }
  if (process.connected) return
  // What the daemon leaves mounted, such as its network namespaces.
  for (const [, path = ''] of readFileSync('/proc/mounts', 'utf8').matchAll(/^\S+ (\S+)/gm))
    if (path.startsWith(`${directory}/`)) spawnSync('umount', ['-l', path])
  rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
}
