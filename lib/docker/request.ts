// The request helper of all verbs: agrees on a version of the API, limits the time, reads the answer and classifies
// failures. Nothing is repeated here: what calls this client reconciles.
import type { z } from 'zod'
import { readBoundedText } from '../platform/bounded-reader.ts'
import type { DockerConnection, DockerRequest } from './connection.ts'
import { DockerError } from './errors.ts'

/**
 * The oldest and the newest version of the Engine API that is asked for. Docker 20.10 speaks 1.41, and Docker 29
 * nothing older than 1.44.
 */
const OLDEST = 41
const NEWEST = 44

const DEFAULT_TIMEOUT_MS = 15_000
const MAX_WORDS = 500

/** Bytes of an answer. A list has about 2 KB for each container. */
const MAX_BODY_BYTES = 64 * 1024 * 1024

/**
 * One call, for logs and counters. `status` is 200 for each success, and 0 when the daemon did not answer; `ms` is until a stream
 * begins.
 */
export type DockerCall = { action: string; status: number; ms: number }

export type Call<T> = {
  /** Identifies the call in counters and logs. */
  action: string
  method: DockerRequest['method']
  /** Segments after the version; each is encoded. */
  path: readonly string[]
  query?: Record<string, string>
  headers?: Record<string, string>
  /** Sent as JSON, unless it is bytes. */
  body?: object | Uint8Array
  /** How an answer is parsed. Without it the body is ignored. */
  read?: z.ZodType<T>
  /** For the whole answer, in milliseconds. */
  timeoutMs?: number
  signal?: AbortSignal | undefined
}

export type Requester = {
  /** @throws DockerError */
  call: <T = void>(call: Call<T>) => Promise<T>
  /** The same for an answer that is a stream, which ends with the signal only. @throws DockerError */
  stream: (call: Call<never>) => Promise<ReadableStream<Uint8Array>>
  /** The same for a command's connection. @throws DockerError */
  upgrade: (call: Call<never>, input: Uint8Array) => Promise<ReadableStream<Uint8Array>>
}

/** @param onCall called after each call; must not throw */
export function createRequester(
  connection: DockerConnection,
  onCall: (call: DockerCall) => void = () => {},
): Requester {
  let version: Promise<string> | undefined

  /** Asked once; after a failure again. */
  function agreedVersion(): Promise<string> {
    version ??= reported('ping', askVersion).catch((error: unknown) => {
      version = undefined
      throw error
    })
    return version
  }

  /** Runs a call, and reports it with its duration. */
  async function reported<T>(action: string, run: () => Promise<T>): Promise<T> {
    const begun = performance.now()
    const report = (status: number) => onCall({ action, status, ms: Math.round(performance.now() - begun) })
    try {
      const result = await run()
      report(200)
      return result
    } catch (error) {
      report(error instanceof DockerError ? error.status : 0)
      throw error
    }
  }

  async function askVersion(): Promise<string> {
    const signal = AbortSignal.timeout(DEFAULT_TIMEOUT_MS)
    const response = await answered({ method: 'GET', path: '/_ping', signal }, 'no')
    if (!response.ok) throw await refusal(response, 'no')
    await response.body?.cancel()
    const newest = /^1\.(\d+)$/.exec(response.headers.get('api-version') ?? '')?.[1]
    if (newest === undefined || Number(newest) < OLDEST) {
      throw new DockerError(
        `the daemon speaks version ${newest === undefined ? 'unknown' : `1.${newest}`} of the Engine API; 1.${OLDEST} (Docker 20.10) is needed`,
        { code: 'too_old', status: response.status },
      )
    }
    return `v1.${Math.min(Number(newest), NEWEST)}`
  }

  async function answered(request: DockerRequest, applied: 'no' | 'unknown'): Promise<Response> {
    try {
      return await connection.send(request)
    } catch (cause) {
      throw unanswered(cause, applied)
    }
  }

  async function requestOf(call: Call<unknown>): Promise<DockerRequest> {
    const query = new URLSearchParams(call.query).toString()
    const path = ['', await agreedVersion(), ...call.path.map(encodeURIComponent)].join('/')
    const isBytes = call.body instanceof Uint8Array
    return {
      method: call.method,
      path: query === '' ? path : `${path}?${query}`,
      headers: {
        ...(call.body === undefined
          ? {}
          : { 'content-type': isBytes ? 'application/x-tar' : 'application/json' }),
        ...call.headers,
      },
      ...(call.body === undefined
        ? {}
        : { body: call.body instanceof Uint8Array ? call.body : JSON.stringify(call.body) }),
      signal: call.signal,
    }
  }

  const appliedOf = ({ method }: Call<unknown>) => (method === 'GET' || method === 'HEAD' ? 'no' : 'unknown')

  async function open(call: Call<never>): Promise<Response> {
    const response = await answered(await requestOf(call), appliedOf(call))
    // 304: the container is in the wanted state already.
    if (!response.ok && response.status !== 304) throw await refusal(response, appliedOf(call))
    return response
  }

  async function answerTo<T>(call: Call<T>): Promise<T> {
    const timeout = AbortSignal.timeout(call.timeoutMs ?? DEFAULT_TIMEOUT_MS)
    const signal = call.signal === undefined ? timeout : AbortSignal.any([call.signal, timeout])
    const response = await open({ ...call, signal } as Call<never>)
    try {
      const body = await readBoundedText(response, MAX_BODY_BYTES)
      return call.read === undefined ? (undefined as T) : call.read.parse(JSON.parse(body))
    } catch (cause) {
      throw unanswered(cause, appliedOf(call))
    }
  }

  async function upgraded(call: Call<never>, input: Uint8Array): Promise<ReadableStream<Uint8Array>> {
    const request = await requestOf(call)
    let opened: Awaited<ReturnType<DockerConnection['upgrade']>>
    try {
      opened = await connection.upgrade(request, input)
    } catch (cause) {
      throw unanswered(cause, 'unknown')
    }
    if (opened instanceof Response) throw await refusal(opened, 'unknown')
    return opened
  }

  return {
    call: (call) => reported(call.action, () => answerTo(call)),
    stream: (call) => reported(call.action, async () => (await open(call)).body ?? new ReadableStream()),
    upgrade: (call, input) => reported(call.action, () => upgraded(call, input)),
  }
}

/** @param applied whether a 5xx leaves open what was done */
async function refusal(response: Response, applied: 'no' | 'unknown'): Promise<DockerError> {
  const body = await readBoundedText(response, MAX_BODY_BYTES).catch(() => '')
  const words = wordsOf(body).slice(0, MAX_WORDS)
  return new DockerError(`Docker answered ${response.status}${words === '' ? '' : `: ${words}`}`, {
    code: 'refused',
    status: response.status,
    words,
    applied: response.status >= 500 ? applied : 'no',
  })
}

function wordsOf(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown }
    return typeof message === 'string' ? message.trim() : ''
  } catch {
    return body.trim()
  }
}

function unanswered(cause: unknown, applied: 'no' | 'unknown'): DockerError {
  const isTimeout = cause instanceof DOMException && cause.name === 'TimeoutError'
  const detail = causeOf(cause)
  return new DockerError(
    isTimeout ? 'Docker did not answer in time' : `Docker did not answer: ${detail}`,
    { code: isTimeout ? 'timeout' : 'unreachable', words: isTimeout ? '' : detail, applied },
    { cause },
  )
}

/** The innermost error says what happened: `connect ENOENT /var/run/docker.sock`. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? causeOf(error.cause) : error.message
}
