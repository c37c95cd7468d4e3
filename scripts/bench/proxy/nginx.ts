// nginx as a streaming proxy, configured as its manual recommends, in a temporary directory, without root.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePorts } from '../../../test/support/ports.ts'
import { childrenOf } from '../../../test/support/processes.ts'

const START_MS = 5_000

export const isNginxInstalled = () => spawnSync('nginx', ['-v']).error === undefined

/** @returns the port, and the process id of its only worker */
export async function startNginx(
  agentPort: number,
): Promise<{ port: number; pid: number; stop(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'workspaces-nginx-'))
  const [port = 0] = await freePorts(1)
  writeFileSync(join(directory, 'nginx.conf'), config(directory, port, agentPort))
  const child = spawn('nginx', ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const ended = once(child, 'exit')
  // It passes SIGTERM on to its worker; SIGKILL would leave the worker running.
  const end = () => child.kill('SIGTERM')
  const remove = () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  const abandon = () => [end(), remove()]
  process.once('exit', abandon)
  async function stop(): Promise<void> {
    process.off('exit', abandon)
    end()
    await ended
    remove()
  }
  const deadline = performance.now() + START_MS
  while (child.exitCode === null && performance.now() < deadline) {
    const [worker] = childrenOf(child.pid ?? -1, 'worker process')
    if (worker !== undefined && (await isOpen(port))) return { port, pid: worker, stop }
    await delay(20)
  }
  await stop()
  throw new Error(`nginx did not start:\n${errors}`)
}

// Connections on both sides last longer than the bench, as with the other proxies.
const config = (directory: string, port: number, agentPort: number) => `
daemon off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log stderr error;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  keepalive_requests 1000000000;
  upstream agent {
    server 127.0.0.1:${agentPort};
    keepalive 256;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=2048;
    location / {
      proxy_pass http://agent;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 300s;
    }
  }
}
`

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ host: '127.0.0.1', port })
    probe.once('error', () => resolve(false))
    probe.once('connect', () => resolve(!probe.destroy().writable))
  })
}
