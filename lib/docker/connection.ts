// How requests reach the daemon. A Unix socket, TLS with client certificates and upgraded connections need Node, so the
// entry passes them in (functions/node/docker-connection.ts).

export type DockerRequest = {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  /** Path and query. */
  path: string
  headers?: Record<string, string>
  body?: string | Uint8Array
  signal?: AbortSignal | undefined
}

export type DockerConnection = {
  /** Sends a request. No time limit but the signal's. */
  send(request: DockerRequest): Promise<Response>
  /**
   * Sends a request whose connection then carries a command's input and output (Engine API, `exec start`).
   * @param input is sent after the daemon has upgraded the connection; then the input ends
   * @returns what the daemon sends, or its refusal as a response with another status than 101
   */
  upgrade(request: DockerRequest, input: Uint8Array): Promise<ReadableStream<Uint8Array> | Response>
}
