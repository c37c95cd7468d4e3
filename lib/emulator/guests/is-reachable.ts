// Whether something outside the machine can connect to a port of its guest.

import type { Guest } from './host.ts'

const LOOPBACK = /^(127\.|::1$|\[::1\]$|localhost$)/

export const isLoopback = (address: string): boolean => LOOPBACK.test(address)

/** A program bound to loopback cannot be reached from outside its machine (docs/facts/fly.md §5, §7.4). */
export const isReachable = (guest: Guest, port: number): boolean =>
  guest.listening().some((socket) => socket.port === port && !isLoopback(socket.address))
