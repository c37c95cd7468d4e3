// Gives each request an id, a span, a log line and its metrics (functions/http/observe-request.ts).
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { requestId } from 'hono/request-id'
import type { Services } from '../../lib/control-plane/services.ts'
import type { AppEnv } from '../http/app-env.ts'
import { A2A, NO_ROUTE, observeRequest } from '../http/observe-request.ts'
import { matchA2a } from '../routes/a2a/handler.ts'

/** A new id for each request. The audit records it, so a caller's own X-Request-Id is not adopted. */
export const assignRequestId = requestId({ headerName: '' })

export const traceRequests = (services: Services) =>
  createMiddleware<AppEnv>((c, next) => {
    const { method, path } = c.req
    const id = c.get('requestId')
    const request = { method, path, requestId: id, traceparent: c.req.header('traceparent') }
    return observeRequest(services, request, next, () => {
      setFinishedHeader(c, 'x-request-id', id)
      const route = c.get('route')
      return {
        route: route?.name ?? (matchA2a(path) === undefined ? NO_ROUTE : A2A),
        status: c.res.status,
        workspaceId: route?.workspaceId,
      }
    })
  })

/** Hono's `c.header` copies a finished response, and Node then reads a body that it has as text from a stream. */
function setFinishedHeader(c: Context, name: string, value: string): void {
  try {
    c.res.headers.set(name, value)
  } catch {
    // The headers of a response that was fetched cannot be changed.
    c.header(name, value)
  }
}
