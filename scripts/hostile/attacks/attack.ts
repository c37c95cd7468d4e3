// What an attack is: how the hostile machine answers, and what is sent to it, about it and by it meanwhile.
import { gzipSync } from 'node:zlib'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** Answers one request to the hostile machine. `isCard`: it asks for the agent card. */
export type HostileAnswer = (request: IncomingMessage, response: ServerResponse, isCard: boolean) => void

export type CallOptions = {
  method?: string
  json?: unknown
  body?: string | Uint8Array<ArrayBuffer>
  headers?: Record<string, string>
}

/** What an attack may call. Each call reads the whole answer, whatever it is. */
export type Reach = {
  /** Sends a message to the hostile workspace, as an operator does. */
  message(method?: string): Promise<void>
  /** Sends a message that is stored and delivered later. */
  storedMessage(): Promise<void>
  /** Fetches the hostile agent's card. */
  card(): Promise<void>
  /** Posts a raw body to the hostile workspace's A2A route. */
  body(body: Uint8Array<ArrayBuffer>): Promise<void>
  /** Posts to a route of the registry with the hostile workspace's own token and id. `body`: an object, or its JSON. */
  registry(path: string, body: object | string): Promise<void>
  /** Calls a route of the hostile workspace with its own token; `path` follows `/workspaces/:id`. */
  own(path: string, options?: CallOptions): Promise<void>
  /** Calls any route without a token. */
  anonymous(path: string, options?: CallOptions): Promise<void>
  workspaceId: string
}

export type Attack = {
  name: string
  /** Makes what is answered, before anything is measured. */
  prepare?: () => unknown
  answer?: HostileAnswer
  /** Its requests have no valid credential. All others have one, and must not be answered 401. */
  isAnonymous?: boolean
  /**
   * It stops workerd: the runtime reads what arrives without a pause, and this project never sees it (SECURITY.md). There it runs
   * last and is reported as known.
   */
  stopsWorkerd?: boolean
  /** One round of requests; repeated while the attack lasts. */
  round(reach: Reach): Promise<unknown>
}

export const MB = 2 ** 20
/** 100 MB of spaces as 100 kB, made once, where it is used. */
export const gzipBomb = () => (bomb ??= gzipSync(Buffer.alloc(100 * MB, ' ')))
let bomb: Buffer | undefined
export const SPACES = Buffer.alloc(64 * 1024, ' ')
export const JSON_TYPE = { 'content-type': 'application/json' }
export const EVENT_TYPE = { 'content-type': 'text/event-stream' }

/** Writes a chunk again and again, as fast as the connection takes it. */
export function pour(response: ServerResponse, chunk: Buffer, times = Number.POSITIVE_INFINITY): void {
  pourInto(response, chunk, times, () => response.end())
}

/** Answers with raw bytes: `head`, then `chunk` again and again, and an empty line after the last one. */
export function pourRaw(
  { socket }: ServerResponse,
  head: string,
  chunk: string,
  times = Number.POSITIVE_INFINITY,
): void {
  if (socket === null) return
  socket.on('error', () => {})
  socket.write(head)
  pourInto(socket, Buffer.from(chunk), times, () => void socket.end('\r\n'))
}

type Sink = {
  destroyed: boolean
  write(chunk: Buffer): boolean
  once(event: 'drain', listener: () => void): unknown
}

function pourInto(sink: Sink, chunk: Buffer, times: number, end: () => void): void {
  let left = times
  const write = () => {
    // A pause after some chunks, because the neighbour's agent runs in the same process.
    for (let burst = 0; burst < 16; burst++) {
      if (sink.destroyed) return
      if (left-- <= 0) return end()
      if (!sink.write(chunk)) {
        sink.once('drain', write)
        return
      }
    }
    setImmediate(write)
  }
  write()
}

/** Writes a chunk at intervals, until the connection closes. */
export function drip(response: ServerResponse, chunk: string | Buffer, intervalMs: number): void {
  const { socket } = response
  const timer = setInterval(() => (response.headersSent ? response : socket)?.write(chunk), intervalMs)
  socket?.once('close', () => clearInterval(timer))
}

export const several = (times: number, run: () => Promise<unknown>): Promise<unknown> =>
  Promise.all(Array.from({ length: times }, run))
