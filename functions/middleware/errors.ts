// Errors and unmatched requests as problem documents (functions/http/problem.ts).
import type { ErrorHandler, Hono, NotFoundHandler } from 'hono'
import type { Services } from '../../lib/control-plane/services.ts'
import { DomainError } from '../../lib/platform/errors.ts'
import type { AppEnv } from '../http/app-env.ts'
import { toDomainError, toProblem } from '../http/problem.ts'

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

/** Answers what a handler has thrown, and logs failures of the control plane itself. */
export const answerErrors =
  (services: Services): ErrorHandler<AppEnv> =>
  (error, c) => {
    const failure = toDomainError(error)
    // `unavailable` without a cause describes the caller's workspace, not the control plane.
    if (failure.code === 'internal' || (failure.code === 'unavailable' && failure.cause !== undefined)) {
      services.log('error', 'a request failed', { request_id: c.get('requestId'), error: failure.cause })
    }
    return toProblem(c, failure)
  }

/** 405 with `Allow` where the path has routes for other methods, else 404. */
export const answerNotFound =
  (app: Pick<Hono<AppEnv>, 'router'>): NotFoundHandler<AppEnv> =>
  (c) => {
    const { method, path } = c.req
    const allowed = METHODS.filter((other) =>
      app.router.match(other, path)[0].some(([[, route]]) => route.method === other),
    )
    // A route of this method may have found nothing itself, such as a static file.
    if (allowed.length === 0 || allowed.includes(method))
      return toProblem(c, new DomainError('not_found', `there is no ${method} ${path}; see /docs`))
    const methods = allowed.join(', ')
    c.header('allow', methods)
    return toProblem(
      c,
      new DomainError('method_not_allowed', `${path} does not support ${method}; it supports ${methods}`),
    )
  }
