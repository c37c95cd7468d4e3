// What every API call passes through: token, latency and refusals by faults, rate limit, the handler, and the wait
// until the change is stored. Only then is the response sent.

import type { Hono } from 'hono'
import type { Cloud } from '../apps/cloud.ts'
import type { CallSubject } from '../faults/faults.ts'
import { FlyError } from '../shared/fly-error.ts'
import { assertMayWrite } from '../machines/leases.ts'
import type { MachineRunner } from '../machines/machine-runner.ts'
import type { AppRecord } from '../store/records.ts'
import type { Scope, Tokens } from './tokens.ts'

/** One call, as its handler sees it. */
export type Call = {
  cloud: Cloud
  /** A path parameter, decoded. */
  param: (name: string) => string
  query: URLSearchParams
  signal: AbortSignal
  /** The bearer token without its scheme. */
  token: string
  /** The owner of a lease that this call takes. */
  owner: string
  /** The lease nonce header, if any. */
  nonce: string | undefined
  /** The parsed body; undefined when it is empty. @throws FlyError 400 when it is not JSON */
  body: () => Promise<unknown>
  /** The apps that the token may read: all, or the one of a deploy token. */
  visibleApps: () => AppRecord[]
  /** The app of the path. @throws FlyError 404, 403 */
  app: () => AppRecord
  /** The machine of the path. @throws FlyError 404 */
  machine: () => MachineRunner
  /**
   * The machine of the path, for a change.
   * @throws FlyError 404; 409 when a lease with another nonce is held; 408 when its host is unreachable
   */
  machineToWrite: () => MachineRunner
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export type Route = (
  method: Method,
  path: string,
  action: string,
  handler: (call: Call) => Promise<Response> | Response,
) => void

/** Actions outside an app that a deploy token may use too. */
const OPEN_TO_DEPLOY_TOKENS = ['token.current', 'platform.regions', 'platform.placements', 'graphql']

const scopeOf = (action: string, app: string | undefined): Scope => {
  if (app !== undefined) return { app }
  return OPEN_TO_DEPLOY_TOKENS.includes(action) || action.startsWith('uiex.') ? 'any' : 'organization'
}

/** The identifier by which an action's rate limit counts; undefined for the organization (docs/facts/fly.md §6). */
const limitedBy = (
  action: string,
  machine: string | undefined,
  app: string | undefined,
): string | undefined => (action === 'app.delete' ? undefined : (machine ?? app))

/** Returns the function that adds one route to the API. `action` names it in rate limits and faults. */
export function createRoute(
  api: Hono,
  cloud: Cloud,
  tokens: Tokens,
  takeFromLimit: (action: string, identifier: string) => void,
): Route {
  const { runtime } = cloud
  return (method, path, action, handler) => {
    api.on(method, path, async (context) => {
      const url = new URL(context.req.url)
      const param = (name: string): string => context.req.param(name) ?? ''
      const app = param('app') === '' ? undefined : param('app')
      const token = tokens.authenticate(context.req.header('authorization'), scopeOf(action, app), cloud)
      const id = param('id') === '' ? undefined : param('id')
      const named = id === undefined ? undefined : cloud.findMachine(id)
      const subject: CallSubject = { action, app, machine: id, machineName: named?.record.name }

      const latency = runtime.faults.latency(subject)
      if (latency > 0) await runtime.pause(latency)
      if (runtime.closing.aborted) throw new FlyError(503, 'unavailable: the emulator is closing')
      // The limits are those of the Machines API. GraphQL, UIEX and the logs are other services.
      const isMachinesApi = action !== 'graphql' && action !== 'logs' && !action.startsWith('uiex.')
      const limited = isMachinesApi && (runtime.faults.rateLimits() ?? runtime.rateLimits)
      if (limited) takeFromLimit(action, limitedBy(action, id, app) ?? runtime.organization)
      runtime.faults.refuse(subject)

      const call: Call = {
        cloud,
        param,
        query: url.searchParams,
        signal: context.req.raw.signal,
        token,
        owner: tokens.ownerOf(token),
        nonce: context.req.header('fly-machine-lease-nonce'),
        async body() {
          const text = await context.req.text()
          if (text.trim() === '') return undefined
          try {
            return JSON.parse(text) as unknown
          } catch {
            throw new FlyError(400, 'invalid_argument: the request body is not valid JSON')
          }
        },
        visibleApps() {
          const limitedTo = cloud.apps().filter(({ deployTokens }) => deployTokens.includes(token))
          return limitedTo.length > 0 ? limitedTo : cloud.apps()
        },
        app: () => cloud.getApp(param('app')),
        machine: () => cloud.getMachine(cloud.getApp(param('app')), param('id')),
        machineToWrite() {
          const runner = call.machine()
          if (runtime.faults.hostUnreachable(runner.record)) throw new FlyError(408, '', { empty: true })
          assertMayWrite(runner.record, call.nonce, runtime.now())
          return runner
        },
      }
      const response = await handler(call)
      await runtime.journal.flush()
      runtime.faults.replaceReply(subject)
      return response
    })
  }
}
