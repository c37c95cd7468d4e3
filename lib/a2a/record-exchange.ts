// What is recorded of a proxied request: a span for each attempt, a log line when there is no answer, and an activity
// of the workspace. Messages themselves are never recorded.
import { callerKey } from '../auth/caller.ts'
import type { Core } from '../platform/context.ts'
import type { ProxyContext } from './context.ts'
import type { ExchangeOutcome } from './exchange.ts'
import { type A2aRequest, bindingOf } from './request.ts'

/** Runs one attempt in a span; the agent's own spans become its children. */
export function traceAttempt(
  { tracer }: Pick<Core, 'tracer'>,
  request: A2aRequest,
  send: () => Promise<ExchangeOutcome>,
): Promise<ExchangeOutcome> {
  if (!tracer.isOn) return send()
  const attributes = {
    'molecule.workspace_id': request.workspaceId,
    'molecule.request_id': request.requestId,
    'rpc.method': bindingOf(request) === 'json-rpc' ? request.envelope.method : undefined,
    'http.request.method': request.method,
  }
  return tracer.span('A2A exchange', { kind: 'client', attributes }, async (span) => {
    const outcome = await send()
    if (outcome.kind === 'answered') span.set({ 'http.response.status_code': outcome.status })
    else if (outcome.kind === 'gone' || outcome.kind === 'stored')
      span.set({ 'molecule.outcome': outcome.kind })
    else {
      span.set({ 'molecule.outcome': outcome.kind, 'molecule.delivered': outcome.error.delivered })
      span.fail(outcome.error.reason)
    }
    return outcome
  })
}

/** Logs why a request got no answer, with the error that its caller received. */
export function logFailure(
  { log, tracer }: Pick<Core, 'log' | 'tracer'>,
  request: A2aRequest,
  outcome: ExchangeOutcome,
): void {
  if (!('error' in outcome)) return
  const { delivered, message, reason } = outcome.error
  log('info', 'an A2A request got no answer', {
    request_id: request.requestId,
    workspace_id: request.workspaceId,
    reason,
    delivered,
    detail: message,
    traceparent: tracer.traceparent() ?? request.traceparent,
  })
}

/** @returns the write to hand to `waitUntil`; undefined when another request has already promised to write */
export function recordActivity(
  { activity, now }: Pick<ProxyContext, 'activity' | 'now'>,
  request: A2aRequest,
  outcome: ExchangeOutcome,
  durationMs: number,
): Promise<void> | undefined {
  // It was recorded with the message.
  if (outcome.kind === 'stored') return undefined
  const { caller, envelope, tail, workspaceId } = request
  const error = 'error' in outcome ? outcome.error : undefined
  const method = bindingOf(request) === 'json-rpc' ? (envelope.method ?? null) : `${request.method} ${tail}`
  return activity.record({
    workspaceId,
    type: 'a2a_receive',
    sourceId: caller.kind === 'workspace' ? caller.workspaceId : null,
    targetId: workspaceId,
    method,
    summary: `${method ?? 'a request'} from ${callerKey(caller)}`,
    durationMs,
    status: outcome.kind === 'answered' && outcome.status < 400 ? 'ok' : 'error',
    errorDetail: error?.message ?? (outcome.kind === 'gone' ? 'the caller disconnected' : null),
    at: now(),
  })
}
