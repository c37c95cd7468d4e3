// Starts the server as `npm start` does, with its own database and emulated Fly, and stops it.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ENTRY = fileURLToPath(new URL('../start.cjs', import.meta.url))

export type EmbeddedServer = { url: string; pid: number; stop(signal?: NodeJS.Signals): Promise<void> }

/**
 * @param settings its variables. It gets only PATH and these: the shell may have settings of a real Fly
 */
export function startEmbeddedServer(settings: Record<string, string>): Promise<EmbeddedServer> {
  const child = spawn(process.execPath, [ENTRY], {
    env: { PATH: process.env['PATH'] ?? '', PORT: '0', EMULATOR_PORT: '0', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C ends the caller, which then stops the server.
    detached: true,
  })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  // The server ends with its caller, however the caller ends.
  const endServer = () => child.kill('SIGTERM')
  process.once('exit', endServer)
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  let errors = ''
  child.stderr.on('data', (bytes) => (errors += String(bytes)))
  return new Promise((resolve, reject) => {
    let printed = ''
    child.stdout.on('data', (bytes) => {
      printed += String(bytes)
      const [, url] = /^ {2}API +(http:\S+)/m.exec(printed) ?? []
      if (url === undefined) return
      resolve({
        url,
        pid: child.pid ?? 0,
        async stop(signal = 'SIGTERM') {
          process.off('exit', endServer)
          child.kill(signal)
          await exited
        },
      })
    })
    void exited.then(() => reject(new Error(`the server did not start:\n${errors}`)))
  })
}
