// What an HTTP answer or a failed connection means: the agent's own answer, or one of the proxy's errors. Pure.
import type { TransportFailure } from '../transport/transport.ts'
import { ProxyError } from './proxy-error.ts'

/**
 * Whether an answer comes from the agent and is passed on: JSON and event streams at any status (docs/facts/a2a.md
 * §2.3), an empty 202 or 204 after a notification, and the answer to a conditional request. An agent's 401 concerns the credential that the proxy sent;
 * the caller cannot fix it.
 * @param type the `Content-Type` in lower case
 */
export function isAgentAnswer(status: number, type: string | undefined): boolean {
  if (status === 202 || status === 204 || status === 304) return true
  if ((status >= 300 && status < 400) || status === 401) return false
  return type !== undefined && /^(application\/([\w.-]+\+)?json|text\/event-stream)\b/.test(type)
}

// Cloudflare's own answers for an origin that it could not connect to.
const CLOUDFLARE_NOT_CONNECTED = new Set([521, 522, 523, 525, 526, 530])

/** The error for an HTTP answer that is not an A2A answer. */
export function errorOfAnswer(status: number): ProxyError {
  const facts = { agent_status: String(status) }
  if (CLOUDFLARE_NOT_CONNECTED.has(status)) {
    return new ProxyError('AGENT_UNREACHABLE', "the agent's machine cannot be reached", { facts })
  }
  // The Fly Proxy answers for a machine that does not: 502 or 503, without JSON (docs/facts/fly.md §7.4).
  if (status === 502 || status === 503) {
    const message = "the agent's machine does not answer"
    return new ProxyError('AGENT_UNREACHABLE', message, { delivered: 'unknown', facts })
  }
  if (status === 504 || status === 524) {
    const message = "the agent's machine took too long"
    return new ProxyError('AGENT_TIMEOUT', message, { delivered: 'unknown', facts })
  }
  if (status === 413) {
    const message = 'the agent refused a body of this size'
    return new ProxyError('AGENT_HTTP_ERROR', message, { delivered: 'no', status, facts })
  }
  if (status >= 400 && status < 500 && status !== 401) {
    const message = `the agent refused the request with HTTP ${status}`
    return new ProxyError('AGENT_HTTP_ERROR', message, { delivered: 'unknown', status, facts })
  }
  if (status >= 400) {
    const message = `the agent failed with HTTP ${status}`
    return new ProxyError('AGENT_HTTP_ERROR', message, { delivered: 'unknown', facts })
  }
  const message =
    status >= 300
      ? 'the agent redirects the request to an address that is not its own'
      : 'the agent answered with something that is not A2A'
  return new ProxyError('INVALID_AGENT_RESPONSE', message, { delivered: 'unknown', facts })
}

/** The error for a connection that failed. @param unanswered nothing of an answer had arrived */
export function errorOfFailure({ cause, kind }: TransportFailure, unanswered: boolean): ProxyError {
  switch (kind) {
    case 'refused':
      return new ProxyError('AGENT_UNREACHABLE', "the agent's machine cannot be reached", { cause })
    case 'silent':
      return new ProxyError(
        'AGENT_TIMEOUT',
        'the agent was silent for too long; its task may still be running',
        { delivered: unanswered ? 'unknown' : 'yes', cause },
      )
    case 'lost':
      return new ProxyError('AGENT_CONNECTION_LOST', 'the connection to the agent was lost', {
        delivered: unanswered ? 'unknown' : 'yes',
        cause,
      })
  }
}
