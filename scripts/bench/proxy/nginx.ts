// nginx as a proxy for streams, set up as its manual tells one to, in a directory and on a port of its own, without root.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from '../../../test/support/ports.ts'
import { childrenOf } from '../../../test/support/processes.ts'

const START_MS = 5_000

export const isNginxInstalled = () => spawnSync('nginx', ['-v']).error === undefined

/** @returns with the process id of its one worker, which does all the work */
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
  // SIGTERM, which it hands on to its worker; SIGKILL would leave that one behind.
  const end = () => child.kill('SIGTERM')
  const remove = () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  const cutOff = () => [end(), remove()]
  process.once('exit', cutOff)
  async function stop(): Promise<void> {
    process.off('exit', cutOff)
    end()
    await ended
    remove()
  }
  const deadline = performance.now() + START_MS
  while (child.exitCode === null && performance.now() < deadline) {
    const [worker] = childrenOf(child.pid ?? -1, 'worker process')
    if (worker !== undefined && (await isOpen(port))) return { port, pid: worker, stop }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await stop()
  throw new Error(`nginx did not start:\n${errors}`)
}

// Connections last longer than the bench on both sides, as they do with the other proxies.
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
