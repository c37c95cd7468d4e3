// The Fly Proxy's autostop (docs/facts/fly.md §4.3): it checks periodically for idle machines, and stops or suspends at
// most one in each app and region at a time.

import type { Cloud } from '../apps/cloud.ts'
import { currentLease } from '../machines/leases.ts'
import { canSuspend } from '../config/machine-config.ts'
import type { MachineRunner } from '../machines/machine-runner.ts'
import type { AppRecord } from '../store/records.ts'
import { stopOptions } from '../config/stop-options.ts'

/** Runs until the emulator closes. */
export function startAutostop(cloud: Cloud): void {
  const { runtime } = cloud
  const look = (): void => {
    for (const app of cloud.apps()) stopIdle(cloud, app)
    runtime.after(runtime.timings.autostopMs / 4, look)
  }
  runtime.after(runtime.timings.autostopMs / 4, look)
}

function stopIdle({ runtime, machinesOf }: Cloud, app: AppRecord): void {
  const machines = machinesOf(app).filter(({ state }) => state === 'started')
  const primary = machines[0]?.record.config.env?.PRIMARY_REGION ?? machines[0]?.record.region
  for (const region of new Set(machines.map(({ record }) => record.region))) {
    const here = machines.filter(({ record }) => record.region === region)
    const idle = here.find(
      (runner) =>
        autostopOf(runner) !== undefined &&
        runner.inFlight === 0 &&
        runtime.now() - runner.lastActive >= runtime.timings.autostopMs &&
        currentLease(runner.record, runtime.now()) === undefined,
    )
    if (idle === undefined) continue
    const keep = region === primary ? mostWanted(idle) : 0
    if (here.length <= keep) continue
    // A machine that cannot be suspended is stopped instead.
    if (autostopOf(idle) === 'suspend' && canSuspend(idle.record.config)) idle.suspend('proxy')
    else {
      const { signal, timeoutMs } = stopOptions(idle.record.config)
      idle.stop('proxy', signal, timeoutMs)
    }
  }
}

/** Every service must allow it. `stop` in one service wins over `suspend` in others. */
function autostopOf({ record }: MachineRunner): 'stop' | 'suspend' | undefined {
  const services = record.config.services ?? []
  if (services.length === 0) return undefined
  const kinds = services.map(({ autostop }) => autostop ?? false)
  if (kinds.some((kind) => kind === false || kind === 'off')) return undefined
  return kinds.every((kind) => kind === 'suspend') ? 'suspend' : 'stop'
}

const mostWanted = ({ record }: MachineRunner): number =>
  Math.max(0, ...(record.config.services ?? []).map((service) => service.min_machines_running ?? 0))
