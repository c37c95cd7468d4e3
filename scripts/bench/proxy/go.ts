// The reverse proxy of Go's standard library, compiled for the run. Unlike the other proxies it uses all processors.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const isGoInstalled = () => spawnSync('go', ['version']).error === undefined

export async function startGo(
  agentUrl: string,
): Promise<{ port: number; pid: number; stop(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'workspaces-go-'))
  const program = join(directory, 'reverse-proxy')
  execFileSync('go', ['build', '-o', program, join(import.meta.dirname, 'reverse-proxy.go')])
  const child = spawn(program, [agentUrl], {
    env: {},
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const [line] = (await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('the reverse proxy of Go ended before it listened'))),
  ])) as [Buffer]
  return {
    port: Number(line.toString()),
    pid: child.pid ?? -1,
    async stop() {
      child.kill('SIGKILL')
      await ended
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
