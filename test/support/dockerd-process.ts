// Runs a Docker daemon of its own, apart from any other on this computer: its data, its socket, no bridge and no firewall
// rules. It sends `ready` or the reason why the daemon did not start. At the message `restart` or `kill` it ends the daemon
// and starts it again, and it ends with its containers when the parent does. DOCKERD_PARENT names the directory that gets
// its data, and DOCKERD_ARGUMENTS more arguments, as JSON.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A loaded computer takes long to start a daemon. */
const START_MS = 45_000

/** Files in layers are quicker; where the file system cannot have them, copies work everywhere. */
let drivers = ['overlay2', 'vfs']

/** As a service manager does: the containers of a daemon that was killed may keep its successor from starting in time. */
const MOST_STARTS = 4

const directory = process.env['DOCKERD_PARENT'] ?? ''
const extra = JSON.parse(process.env['DOCKERD_ARGUMENTS'] ?? '[]') as string[]
const socketPath = join(directory, 'docker.sock')
const logPath = join(directory, 'dockerd.log')

let daemon: ChildProcess | undefined

process.on('exit', () => daemon?.kill('SIGTERM'))
// Ctrl-C reaches the whole process group; the daemon must outlive it until the parent disconnects.
process.on('SIGINT', () => {})
/** One after the other: the daemon must run when its containers are removed. */
let work: Promise<void> | undefined
const then = (step: () => Promise<void>) => void (work = (work ?? Promise.resolve()).then(step))
process.on('disconnect', () => then(close))
process.on('message', (message) =>
  then(async () => {
    await end(message === 'kill' ? 'SIGKILL' : 'SIGTERM')
    await start()
  }),
)

// Not the configuration of another daemon of this computer.
writeFileSync(join(directory, 'daemon.json'), '{}')
then(start)

async function start(): Promise<void> {
  for (const driver of drivers) {
    if (!(await startWith(driver))) continue
    drivers = Array.from({ length: MOST_STARTS }, () => driver)
    if (process.connected) process.send?.('ready')
    return
  }
  if (process.connected)
    process.send?.(`dockerd did not start:\n${readFileSync(logPath, 'utf8').slice(-3_000)}`)
}

async function startWith(driver: string): Promise<boolean> {
  const log = openSync(logPath, 'a')
  const started = spawn(
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
      '--shutdown-timeout=5',
      ...extra,
    ],
    { stdio: ['ignore', log, log] },
  )
  daemon = started
  closeSync(log)
  const failed = once(started, 'error').then(
    () => 'error',
    () => 'error',
  )
  const ended = once(started, 'exit').then(
    () => 'exit',
    () => 'exit',
  )
  const until = Date.now() + START_MS
  while (Date.now() < until) {
    if ((await Promise.race([failed, ended, sleep(100, 'running')])) !== 'running') return false
    if (existsSync(socketPath) && (await answers())) return true
  }
  await end('SIGTERM')
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

async function end(signal: NodeJS.Signals): Promise<void> {
  const running = daemon
  daemon = undefined
  if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
  const exited = once(running, 'exit')
  running.kill(signal)
  await exited
  // Its containerd ended too. Where nobody collects dead processes, the next daemon would take it for a living one.
  if (signal === 'SIGKILL') rmSync(join(directory, 'exec/containerd/containerd.pid'), { force: true })
}

async function close(): Promise<void> {
  await removeContainers()
  // A daemon leaves the bridges of networks behind.
  await ask('POST', '/networks/prune')
  await end('SIGTERM')
  killWhatIsLeft()
  // What the daemon leaves mounted, such as its network namespaces. One place may have several mounts.
  for (let left = mounts(); left.length > 0; left = mounts()) spawnSync('umount', ['-l', ...left])
  rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  process.exit(0)
}

const mounts = (): string[] =>
  [...readFileSync('/proc/mounts', 'utf8').matchAll(/^\S+ (\S+)/gm)]
    .map(([, path = '']) => path)
    .filter((path) => path.startsWith(`${directory}/`))

/** Without its daemon a container goes on, below a process of containerd that names its directory. */
function killWhatIsLeft(): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    if (read(`/proc/${pid}/cmdline`).includes(`${directory}/exec`)) kill(pid)
}

function kill(pid: string): void {
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean)
  try {
    process.kill(Number(pid), 'SIGKILL')
  } catch {
    // It has just ended.
  }
  children.forEach(kill)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
