// On which TCP ports processes listen, read from /proc as `ss -ltnp` does. Only Linux has it.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { endianness } from 'node:os'

/** `address` is `0.0.0.0` or `::` for all addresses. */
export type ListeningSocket = { port: number; address: string }

/** The state of a listening socket in /proc/net/tcp (include/net/tcp_states.h of Linux). */
const LISTEN = '0A'

/** @returns the sockets of these processes; undefined where the system does not show them */
export function listeningSockets(pids: readonly number[]): ListeningSocket[] | undefined {
  let lines: string[]
  try {
    lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(tableLines)
  } catch {
    return undefined
  }
  const inodes = new Set(pids.flatMap(socketInodes))
  return lines.flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
    return state === LISTEN && inodes.has(inode) ? [parseLocal(local)] : []
  })
}

/** @throws when the table of IPv4 is not there; a computer may have no IPv6 */
function tableLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(1)
  } catch (error) {
    if (path.endsWith('6')) return []
    throw error
  }
}

function socketInodes(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
      } catch {
        return []
      }
    })
  } catch {
    // The process has ended meanwhile.
    return []
  }
}

/** `0100007F:1F90` is 127.0.0.1 and port 8080: words of four bytes in the computer's own order, in hexadecimal. */
function parseLocal(local: string): ListeningSocket {
  const [hex = '', port = ''] = local.split(':')
  const bytes = [...Buffer.from(hex, 'hex')]
  const ordered =
    endianness() === 'LE' ? bytes.map((_, at) => bytes[at - (at % 4) + 3 - (at % 4)] ?? 0) : bytes
  return { port: Number.parseInt(port, 16), address: addressOf(ordered) }
}

/** An IPv4 address that is mapped into IPv6 is given as IPv4. */
function addressOf(bytes: readonly number[]): string {
  const isMapped = bytes.length === 16 && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff
  if (bytes.length === 4 || isMapped) return bytes.slice(-4).join('.')
  if (bytes.every((byte) => byte === 0)) return '::'
  if (bytes.slice(0, -1).every((byte) => byte === 0) && bytes.at(-1) === 1) return '::1'
  return Buffer.from(bytes)
    .toString('hex')
    .replaceAll(/(.{4})(?=.)/g, '$1:')
}
