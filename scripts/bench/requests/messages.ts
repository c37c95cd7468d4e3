// The requests of bench:requests, as bytes of a connection.
import type { AgentToken } from './fill.ts'

export function requestOf(port: number, method: string, path: string, token: string, json?: object): Buffer {
  const body = json === undefined ? '' : JSON.stringify(json)
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    `Authorization: Bearer ${token}`,
    ...(json === undefined
      ? []
      : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]),
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`)
}

/** What Molecule's agents send every 30 s. */
export const heartbeatRequest = (port: number, { id, token }: AgentToken): Buffer =>
  requestOf(port, 'POST', '/registry/heartbeat', token, {
    workspace_id: id,
    error_rate: 0,
    sample_error: '',
    active_tasks: 0,
    current_task: '',
    uptime_seconds: 3_600,
  })

/** An external workspace: it has no machine, whose cost would be that of the provider. */
export const createRequest = (port: number, token: string): Buffer =>
  requestOf(port, 'POST', '/workspaces', token, { name: 'created', runtime: 'external' })
