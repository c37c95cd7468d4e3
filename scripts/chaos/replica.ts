// One process of the real server, which can be killed or stopped and started again on the same port, and whose clock can jump.
import { type ChildProcess, spawn } from 'node:child_process'
import { resolve as resolvePath } from 'node:path'
import { fileURLToPath } from 'node:url'
import { COMPILE_CACHE } from '../../test/support/once-in-run.ts'
import { type Pace, paceEnv } from './clock.ts'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const ROOT = at('../..')
const PRELOAD = at('clock-preload.ts')

export type Replica = {
  url: string
  isUp(): boolean
  start(): Promise<void>
  /** SIGKILL: it releases nothing. SIGTERM: it shuts down gracefully. */
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>
  /** Sets how far its host's clock is ahead, in milliseconds of the run, over all its starts. */
  setClock(offsetMs: number): void
  /** Error lines that it logged, over all its starts. */
  errors: string[]
  /** How often it ended by itself. */
  deaths(): number
}

/** @param program of the server, relative to the root of the repository */
export function createReplica(
  program: string,
  port: number,
  settings: Record<string, string>,
  pace: Pace,
): Replica {
  const errors: string[] = []
  let child: ChildProcess | undefined
  let clockOffsetMs = 0
  let up = false
  let killed = false
  let deaths = 0

  const sendClock = () => {
    if (child?.connected === true) child.send({ clockOffsetMs }, () => {})
  }

  return {
    url: `http://127.0.0.1:${port}`,
    errors,
    isUp: () => up,
    deaths: () => deaths,
    setClock(offsetMs) {
      clockOffsetMs = offsetMs
      sendClock()
    },
    start() {
      killed = false
      const started = spawn(process.execPath, ['--import', PRELOAD, resolvePath(ROOT, program)], {
        env: {
          PATH: process.env['PATH'] ?? '',
          NODE_COMPILE_CACHE: COMPILE_CACHE,
          PORT: String(port),
          ...settings,
          ...paceEnv(pace),
        },
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        // Ctrl-C ends the run, and a replica ends when the run is gone.
        detached: true,
      })
      child = started
      sendClock()
      started.stderr?.setEncoding('utf8').on('data', (text: string) => {
        errors.push(...text.split('\n').filter((line) => line !== ''))
      })
      return new Promise((resolve, reject) => {
        let printed = ''
        started.stdout?.setEncoding('utf8').on('data', (text: string) => {
          printed += text
          if (up || !/^ {2}API +http/m.test(printed)) return
          up = true
          resolve()
        })
        started.once('close', () => {
          // A start that fails is the caller's to judge. A stop may take too long, and then ends with code 1, but not with a
          // trace.
          const isCrash = errors.at(-1)?.startsWith('Node.js v') === true
          if (up || (killed && isCrash)) deaths++
          up = false
          reject(new Error(`a replica ended before it listened:\n${errors.slice(-20).join('\n')}`))
        })
      })
    },
    async kill(signal = 'SIGKILL') {
      const dying = child
      if (dying === undefined || dying.exitCode !== null || dying.signalCode !== null) return
      killed = true
      up = false
      const closed = new Promise((resolve) => dying.once('close', resolve))
      dying.kill(signal)
      await closed
    },
  }
}
