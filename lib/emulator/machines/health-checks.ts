// Runs the checks of a started machine against its guest (docs/facts/fly.md §4.4) and stores the results in its record.

import { parseDuration } from '../config/duration.ts'
import type { Guest } from '../guests/host.ts'
import type { Check, MachineConfig } from '../config/machine-config.ts'
import type { CheckResult, MachineRecord } from '../store/records.ts'
import { isReachable } from '../guests/is-reachable.ts'
import { orAborted } from '../shared/abort.ts'
import type { Runtime } from './runtime.ts'

type NamedCheck = { name: string; check: Check; port: number; affectsRouting: boolean }

/** Milliseconds, for checks that do not set them. */
const DEFAULT_INTERVAL = 15_000
const DEFAULT_TIMEOUT = 5000

/** All checks of a config, under the names in the results. */
function namedChecks(config: MachineConfig): NamedCheck[] {
  const own = Object.entries(config.checks ?? {}).map(([name, check]) => ({
    name,
    check,
    port: check.port ?? 0,
    affectsRouting: check.kind === 'readiness',
  }))
  const ofServices = (config.services ?? []).flatMap((service) =>
    (service.checks ?? []).map((check) => ({ check, port: check.port ?? service.internal_port })),
  )
  return [
    ...own,
    ...ofServices.map(({ check, port }, index) => ({
      name: `servicecheck-${String(index).padStart(2, '0')}-${check.type ?? 'tcp'}-${port}`,
      check,
      port,
      affectsRouting: true,
    })),
  ]
}

/** Whether a failing check takes the machine out of the proxy's routing. A check that has not run yet does not. */
export const failsRouting = (record: MachineRecord): boolean =>
  namedChecks(record.config).some(
    ({ name, affectsRouting }) =>
      affectsRouting && record.checks.some((result) => result.name === name && result.status === 'critical'),
  )

/**
 * Starts the checks of a started machine. `onChange` is called when a status changes.
 * @returns a function that ends them
 */
export function runChecks(
  runtime: Runtime,
  record: MachineRecord,
  guest: Guest,
  onChange: () => void,
): () => void {
  const ended = new AbortController()
  for (const named of namedChecks(record.config)) {
    const interval = milliseconds(named.check.interval, DEFAULT_INTERVAL)
    const again = async (): Promise<void> => {
      if (ended.signal.aborted) return
      const result = await probe(runtime, record, guest, named, ended.signal)
      if (ended.signal.aborted) return
      const { checks } = record
      const index = checks.findIndex((one) => one.name === named.name)
      const before = checks[index]
      const changed = before?.status !== result.status
      const kept: CheckResult = {
        name: named.name,
        ...result,
        updated_at:
          before === undefined || changed ? new Date(runtime.now()).toISOString() : before.updated_at,
      }
      if (index === -1) checks.push(kept)
      else checks[index] = kept
      if (changed) onChange()
      runtime.after(interval, () => void again())
    }
    runtime.after(milliseconds(named.check.grace_period, 0), () => void again())
  }
  return () => ended.abort()
}

const milliseconds = (value: string | number | undefined, otherwise: number): number =>
  (value === undefined ? undefined : parseDuration(value)) ?? otherwise

async function probe(
  runtime: Runtime,
  record: MachineRecord,
  guest: Guest,
  { check, port }: NamedCheck,
  ended: AbortSignal,
): Promise<Pick<CheckResult, 'status' | 'output'>> {
  if (runtime.faults.portClosed(record) || !isReachable(guest, port)) {
    return { status: 'critical', output: `dial tcp ${record.privateIp}:${port}: connect: connection refused` }
  }
  if (check.type !== 'http') return { status: 'passing', output: 'Success' }
  const timeout = new AbortController()
  const cancel = runtime.after(milliseconds(check.timeout, DEFAULT_TIMEOUT), () => timeout.abort())
  const signal = AbortSignal.any([timeout.signal, ended])
  try {
    const headers = new Headers()
    for (const { name, values } of check.headers ?? [])
      for (const value of values) headers.append(name, value)
    const request = new Request(new URL(check.path ?? '/', `http://[${record.privateIp}]:${port}`), {
      method: (check.method ?? 'GET').toUpperCase(),
      headers,
      redirect: 'manual',
      signal,
    })
    const response = await orAborted(guest.fetch(port, request), signal)
    const text = (await orAborted(response.text(), signal)).slice(0, 1000)
    return { status: response.ok ? 'passing' : 'critical', output: text }
  } catch (error) {
    const reason = timeout.signal.aborted ? 'context deadline exceeded' : String(error)
    return { status: 'critical', output: `${check.method ?? 'GET'} ${check.path ?? '/'}: ${reason}` }
  } finally {
    cancel()
  }
}
