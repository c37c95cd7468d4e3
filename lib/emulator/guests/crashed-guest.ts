// A guest that has already exited. A machine runs it when a fault makes its boot crash.

import { CommandCutOff, ConnectionRefused } from './host.ts'
import type { Guest } from './host.ts'

export const crashedGuest = (exitCode: number): Guest => ({
  exited: Promise.resolve({ exitCode, oomKilled: false }),
  listening: () => [],
  fetch: () => Promise.reject(new ConnectionRefused('the program has ended')),
  exec: () => Promise.reject(new CommandCutOff('the program has ended')),
  signal: () => undefined,
  kill: () => undefined,
  suspend: () => undefined,
  resume: () => undefined,
})
