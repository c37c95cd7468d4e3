// Lets one process at a time open the embedded database's directory, because two would destroy each other's data. The
// lock is a socket on which its owner listens, so the kernel knows whether the owner lives: also from another
// container with the same volume, where process ids mean nothing, and while the owner is busy. A killed owner leaves
// a socket that refuses connections.
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { dirname, relative, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long an owner has to identify itself, in milliseconds. An owner that is busy still counts. */
const ANSWER_MS = 500

/** How long another process may need to take over the same dead lock, in milliseconds. */
const RACE_MS = 100

export class DirectoryInUse extends Error {
  override name = 'DirectoryInUse'
}

/**
 * @returns a function that releases the lock
 * @throws DirectoryInUse while another process has it
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = addressOf(`${directory}.lock`)
  mkdirSync(dirname(directory), { recursive: true })
  let server = await take(path)
  if (server === undefined) {
    const owner = await askOwner(path)
    if (owner !== undefined) throw inUse(directory, owner)
    rmSync(path, { force: true })
    server = await take(path)
    if (server === undefined) throw inUse(directory, 'another process that is starting')
    const inode = inodeOf(path)
    await sleep(RACE_MS)
    if (inodeOf(path) !== inode) throw inUse(directory, 'another process that is starting')
  }
  const held = server
  return () => new Promise((closed) => held.close(() => closed()))
}

const inUse = (directory: string, owner: string) =>
  new DirectoryInUse(`${directory} is open in ${owner}: stop it, or set DATA_DIR to another directory`)

// Socket addresses have a limit of about a hundred bytes, so the shorter of two spellings is used.
function addressOf(path: string): string {
  const absolute = resolve(path)
  if (process.platform === 'win32') return `\\\\.\\pipe\\${absolute.replaceAll(/[\\/:]/g, '-')}`
  const fromHere = relative(process.cwd(), absolute)
  return fromHere.length < absolute.length ? fromHere : absolute
}

/** @returns undefined when a lock exists */
function take(path: string): Promise<Server | undefined> {
  return new Promise((taken, failed) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(`process ${process.pid}`)
    })
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') return taken(undefined)
      const where = `${path} cannot be locked (${error.code}): set DATA_DIR to a shorter path, on a file system of this computer`
      failed(new DirectoryInUse(where))
    })
    // It does not keep the process running.
    server.listen(path, () => taken(server)).unref()
  })
}

/** @returns the process that has a directory open, in words; undefined when none has */
export const ownerOf = (directory: string): Promise<string | undefined> =>
  askOwner(addressOf(`${directory}.lock`))

/** @returns the owner in words; undefined when nothing listens any more */
function askOwner(path: string): Promise<string | undefined> {
  return new Promise((answered) => {
    let answer = ''
    const socket = connect(path)
    socket.setEncoding('utf8').setTimeout(ANSWER_MS, () => socket.destroy())
    socket.on('data', (text: string) => (answer += text))
    let isAlive = false
    socket.on('connect', () => (isAlive = true))
    socket.on('error', () => {})
    socket.on('close', () => answered(isAlive ? answer || 'another process' : undefined))
  })
}

const inodeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.ino
