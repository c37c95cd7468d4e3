// Chooses the machine for a request to the Fly Proxy (docs/facts/fly.md §7). A held request is decided again on each
// attempt.

import type { Cloud } from '../apps/cloud.ts'
import { currentLease } from '../machines/leases.ts'
import { failsRouting } from '../machines/health-checks.ts'
import type { Service, ServicePort } from '../config/machine-config.ts'
import type { MachineRunner } from '../machines/machine-runner.ts'
import type { AppRecord } from '../store/records.ts'

export type Candidate = { runner: MachineRunner; service: Service; port: ServicePort }

export type Choice =
  | ({ kind: 'send' } & Candidate)
  /** No machine can take the request now, but one may soon: it boots, was started, or is full. */
  | { kind: 'hold'; why: string }
  /** No machine is a candidate. The proxy retries until its timeout. */
  | { kind: 'none'; why: string }
  | { kind: 'refuse'; why: string }

/** The app in a Host header. On a loopback address, which has no app name, the default app. */
export function appNameOf(host: string, defaultApp: string | undefined): string | undefined {
  const name = host.replace(/:\d+$/, '').toLowerCase()
  if (name === 'localhost' || /^[\d.]+$/.test(name) || name.startsWith('[')) return defaultApp
  return name.split('.')[0]
}

const PUBLIC_TYPES = ['v4', 'v6', 'shared_v4']

/**
 * Whether the host name reaches the app: `.flycast` needs a private address, `.fly.dev` a public one
 * (docs/facts/fly.md §7.1, §7.2). Loopback names accept either.
 */
export function hasAddress(app: AppRecord, host: string): boolean {
  if (isFlycast(host)) return app.ips.some(({ type }) => type === 'private_v6')
  if (isPublic(host)) return app.ips.some(({ type }) => PUBLIC_TYPES.includes(type))
  return app.ips.length > 0
}

export const isFlycast = (host: string): boolean => /\.flycast(:\d+)?$/i.test(host)
export const isPublic = (host: string): boolean => /\.fly\.dev(:\d+)?$/i.test(host)

/** The service and port of a machine that handle HTTP on a public port; undefined when there is none. */
export function serviceOn(runner: MachineRunner, number: number): Candidate | undefined {
  for (const service of runner.record.config.services ?? []) {
    const port = service.ports?.find(
      (one) =>
        (one.port === number ||
          (one.start_port !== undefined && one.start_port <= number && number <= (one.end_port ?? 0))) &&
        (one.handlers ?? []).includes('http'),
    )
    if (port !== undefined) return { runner, service, port }
  }
  return undefined
}

/** A forced request never goes to another machine. */
function machinesFor(cloud: Cloud, app: AppRecord, forced: string | null): MachineRunner[] {
  if (forced === null) return cloud.machinesOf(app)
  const runner = cloud.findMachine(forced)
  return runner?.record.appId === app.id ? [runner] : []
}

/** Chooses a machine, and starts a stopped or suspended one with autostart if no other can take the request. */
export function chooseMachine(cloud: Cloud, app: AppRecord, number: number, headers: Headers): Choice {
  const forced = headers.get('fly-force-instance-id')
  const preferred = headers.get('fly-prefer-instance-id')
  const registered = machinesFor(cloud, app, forced)
    .filter(({ record, isGone }) => !isGone && !record.cordoned && !record.skipServiceRegistration)
    .map((runner) => serviceOn(runner, number))
    .filter((candidate) => candidate !== undefined)
  if (registered.length === 0) return { kind: 'none', why: 'no machine is registered for this request' }

  const started = registered.filter(({ runner }) => runner.state === 'started')
  const healthy = started.filter(({ runner }) => !failsRouting(runner.record))
  const free = healthy.filter(hasRoom).toSorted((a, b) => load(a) - load(b))
  const send = free.find(({ runner }) => runner.record.id === preferred) ?? free[0]
  if (send !== undefined) return { kind: 'send', ...send }

  const coming = registered.find(({ runner }) =>
    ['created', 'starting', 'restarting', 'replacing', 'stopping', 'suspending'].includes(runner.state),
  )
  if (coming !== undefined && (coming.runner.state !== 'stopping' || mayAutostart(coming))) {
    return { kind: 'hold', why: `machine ${coming.runner.record.id} is ${coming.runner.state}` }
  }
  const sleeping = registered.filter(
    ({ runner }) => runner.state === 'stopped' || runner.state === 'suspended',
  )
  const wakeable = sleeping.filter(mayAutostart)
  // PM01: while a lease is held the start is refused like any write.
  const unleased = wakeable.find(
    ({ runner }) => currentLease(runner.record, cloud.runtime.now()) === undefined,
  )
  if (unleased !== undefined && started.length === 0) {
    try {
      unleased.runner.start('proxy')
    } catch (error) {
      // Its host has no room (docs/facts/fly.md §7.4: start refused).
      return { kind: 'refuse', why: `PM07: ${String(error)}` }
    }
    return { kind: 'hold', why: `machine ${unleased.runner.record.id} was asked to start` }
  }
  if (started.length > 0) return { kind: 'hold', why: 'machines are full or failing their checks' }
  if (wakeable.length > 0) return { kind: 'refuse', why: 'machine is leased' }
  return { kind: 'none', why: 'could not find a good candidate' }
}

const mayAutostart = ({ runner, service }: Candidate): boolean =>
  service.autostart === true && runner.record.config.disable_machine_autostart !== true

const hasRoom = ({ runner, service }: Candidate): boolean =>
  service.concurrency?.hard_limit === undefined || runner.inFlight < service.concurrency.hard_limit

/** Requests in flight. Machines over their soft limit come last. */
const load = ({ runner, service }: Candidate): number =>
  runner.inFlight + (runner.inFlight >= (service.concurrency?.soft_limit ?? 20) ? 1e6 : 0)
