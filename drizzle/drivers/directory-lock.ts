// One process at a time in the embedded database's directory: two would destroy each other's data. The lock is a
// socket that its owner listens on, so the kernel says whether the owner lives: also from another container with the
// same volume, where process ids mean nothing, and while the owner is too busy to answer. One that was killed leaves
// a socket that refuses.
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { dirname, relative, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long an owner has to say who it is, in milliseconds. It may be busy; it is there all the same. */
const ANSWER_MS = 500

/** How long somebody who found the same dead lock at the same time may need to take it over. */
const RACE_MS = 100

export class DirectoryInUse extends Error {
  override name = 'DirectoryInUse'
}

/**
 * @returns gives the lock back
 * @throws DirectoryInUse while somebody else has it
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
    if (server === undefined) throw inUse(directory, 'another process that starts')
    const mine = inodeOf(path)
    await sleep(RACE_MS)
    if (inodeOf(path) !== mine) throw inUse(directory, 'another process that starts')
  }
  const held = server
  return () => new Promise((closed) => held.close(() => closed()))
}

const inUse = (directory: string, owner: string) =>
  new DirectoryInUse(`${directory} is open in ${owner}: stop it, or set DATA_DIR to another directory`)

// Addresses of sockets are short (about a hundred bytes), so the shorter of two spellings.
function addressOf(path: string): string {
  const absolute = resolve(path)
  if (process.platform === 'win32') return `\\\\.\\pipe\\${absolute.replaceAll(/[\\/:]/g, '-')}`
  const fromHere = relative(process.cwd(), absolute)
  return fromHere.length < absolute.length ? fromHere : absolute
}

/** @returns undefined when there is a lock already */
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
    // It ends with the process, and keeps none alive.
    server.listen(path, () => taken(server)).unref()
  })
}

/** @returns who has a directory open, in words; undefined when nobody does */
export const ownerOf = (directory: string): Promise<string | undefined> =>
  askOwner(addressOf(`${directory}.lock`))

/** @returns who has it, in words; undefined when nobody listens any more */
function askOwner(path: string): Promise<string | undefined> {
  return new Promise((answered) => {
    let said = ''
    const socket = connect(path)
    socket.setEncoding('utf8').setTimeout(ANSWER_MS, () => socket.destroy())
    socket.on('data', (text: string) => (said += text))
    let isThere = false
    socket.on('connect', () => (isThere = true))
    socket.on('error', () => {})
    socket.on('close', () => answered(isThere ? said || 'another process' : undefined))
  })
}

const inodeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.ino
