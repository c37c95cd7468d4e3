// The Fly Proxy (docs/facts/fly.md §7): it receives a request for an app, holds it while a machine starts, sends it to
// the guest and streams the response back. It fails with plain 502 and 503 responses without JSON, as the real one
// does.

import type { Cloud } from '../apps/cloud.ts'
import { ConnectionLost } from '../shared/connection-lost.ts'
import { FlyError } from '../shared/fly-error.ts'
import { ConnectionRefused } from '../guests/host.ts'
import type { MachineRunner } from '../machines/machine-runner.ts'
import { appNameOf, chooseMachine, hasAddress, isFlycast, isPublic, serviceOn } from './routing.ts'
import type { Candidate } from './routing.ts'
import { forwardedRequest, returnedResponse } from './headers.ts'
import { watchIdle } from './idle-timeout.ts'
import { isReachable } from '../guests/is-reachable.ts'
import type { AppRecord } from '../store/records.ts'
import type { Runtime } from '../machines/runtime.ts'

/** Milliseconds between two attempts of a held request. */
const RETRY_INTERVAL_MS = 50

export function createFlyProxy(
  cloud: Cloud,
  defaultApp: string | undefined,
): (request: Request) => Promise<Response> {
  const { runtime } = cloud

  return async (request) => {
    const url = new URL(request.url)
    const host = request.headers.get('host') ?? url.host
    const requestId = `${runtime.ulid()}-${runtime.regions[0] ?? 'iad'}`
    const forced = request.headers.get('fly-force-instance-id')
    // On a loopback address the forced machine decides which app is meant.
    const appOnLoopback = (forced === null ? undefined : cloud.findMachine(forced))?.record.app ?? defaultApp
    const name = appNameOf(host, appOnLoopback)
    const app = name === undefined ? undefined : cloud.findApp(name)
    if (app === undefined || !hasAddress(app, host)) {
      runtime.log(
        `proxy: ${host} has no DNS record: ${app === undefined ? 'no such app' : 'the app has no IP address of that kind'}`,
      )
      throw new ConnectionLost(`fetch failed: getaddrinfo ENOTFOUND ${host}`)
    }
    if (isFlycast(host) && url.protocol === 'https:') {
      runtime.log(`proxy: ${host} speaks no TLS: flycast is HTTP only`)
      throw new ConnectionLost(`fetch failed: no certificate for ${host}`)
    }
    const refuse = (status: number, why: string): Response => {
      runtime.log(`proxy: ${status} for ${request.method} ${host}${url.pathname}: ${why}`)
      return returnedResponse(new Response(null, { status }), requestId, undefined)
    }
    const subject = {
      action: 'proxy',
      app: app.name,
      machine: request.headers.get('fly-force-instance-id') ?? undefined,
    }
    const latency = runtime.faults.latency(subject)
    if (latency > 0) await runtime.pause(latency)
    try {
      runtime.faults.refuse(subject)
    } catch (error) {
      if (error instanceof FlyError) return refuse(error.httpStatus, 'a fault')
      throw error
    }
    const number = portOf(url, host)
    if (redirectsToHttps(cloud, app, number)) {
      return new Response(null, {
        status: 301,
        headers: { location: `https://${host}${url.pathname}${url.search}` },
      })
    }
    return serve(cloud, app, number, request, { host, requestId, refuse })
  }
}

type Serving = { host: string; requestId: string; refuse: (status: number, why: string) => Response }

/** Tries until a guest responds or the proxy timeout passes. */
async function serve(
  cloud: Cloud,
  app: AppRecord,
  number: number,
  request: Request,
  serving: Serving,
): Promise<Response> {
  const { runtime } = cloud
  const deadline = performance.now() + runtime.timings.proxyTimeoutMs
  let failure = { status: 503, why: 'no candidate' }
  while (true) {
    if (request.signal.aborted) throw request.signal.reason
    if (runtime.closing.aborted) return serving.refuse(503, 'the proxy is closing')
    const choice = chooseMachine(cloud, app, number, request.headers)
    if (choice.kind === 'refuse') return serving.refuse(503, choice.why)
    if (choice.kind === 'send') {
      const answer = await forward(runtime, choice, number, request, serving)
      if (answer instanceof Response) return answer
      failure = { status: 502, why: answer.why }
      if (!answer.mayTryAgain) return serving.refuse(502, failure.why)
    } else {
      failure = { status: choice.kind === 'none' ? 502 : 503, why: choice.why }
    }
    if (performance.now() >= deadline) return serving.refuse(failure.status, failure.why)
    await runtime.pause(RETRY_INTERVAL_MS)
  }
}

/** One attempt. With `mayTryAgain` nothing was delivered. */
async function forward(
  runtime: Runtime,
  { runner, service, port }: Candidate,
  number: number,
  request: Request,
  { host, requestId, refuse }: Serving,
): Promise<Response | { why: string; mayTryAgain: boolean }> {
  const { guest, record } = runner
  const internal = service.internal_port
  if (runtime.faults.hostUnreachable(record))
    return { why: 'PC05: the host does not answer', mayTryAgain: true }
  if (guest === undefined || runtime.faults.portClosed(record) || !isReachable(guest, internal)) {
    return { why: `PC01: connection refused on port ${internal}`, mayTryAgain: true }
  }
  const release = occupy(runner)
  const idle = watchIdle(runtime, (port.http_options?.idle_timeout ?? 60) * 1000, request.signal)
  try {
    const outgoing = forwardedRequest(request, {
      host,
      record,
      edge: runtime.regions[0] ?? record.region,
      number,
      idle,
    })
    const response = await idle.orAborted(guest.fetch(internal, outgoing))
    const body = response.body === null ? null : idle.watch(response.body, release)
    if (body === null) {
      idle.end()
      release()
    }
    return returnedResponse(new Response(body, response), requestId, port.http_options?.response)
  } catch (error) {
    idle.end()
    release()
    if (request.signal.aborted) throw request.signal.reason
    if (error instanceof ConnectionRefused) {
      return { why: `PC01: ${error.message}`, mayTryAgain: request.body === null }
    }
    return refuse(502, `PU02: ${String(error)}`)
  }
}

/** Counts a request as in flight until the returned function is called. */
function occupy(runner: MachineRunner): () => void {
  runner.inFlight++
  let held = true
  return () => {
    if (!held) return
    held = false
    runner.inFlight--
    runner.requestEnded()
  }
}

/** Public names and flycast have their own ports. A loopback port stands for 443. */
function portOf(url: URL, host: string): number {
  if (!isPublic(host) && !isFlycast(host)) return 443
  return url.port === '' ? (url.protocol === 'http:' ? 80 : 443) : Number(url.port)
}

const redirectsToHttps = (cloud: Cloud, app: AppRecord, number: number): boolean =>
  number !== 443 &&
  cloud
    .machinesOf(app)
    .some((runner) => !runner.isGone && serviceOn(runner, number)?.port.force_https === true)
