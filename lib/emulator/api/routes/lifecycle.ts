// Start, stop, suspend, restart, signal, cordon and wait (docs/facts/fly.md §2.3).

import { z } from 'zod'
import { MACHINE } from './machines.ts'
import type { Route } from '../route.ts'
import { FlyError } from '../../shared/fly-error.ts'
import { ALL_SIGNALS, signalName, stopOptions } from '../../config/stop-options.ts'
import { parseWaitQuery, waitForState } from '../wait.ts'

const stopBody = z.looseObject({
  signal: z.union([z.string(), z.int()]).nullish(),
  timeout: z.union([z.string(), z.number()]).nullish(),
})

export function addLifecycleRoutes(route: Route): void {
  route('POST', `${MACHINE}/start`, 'machine.start', (call) => {
    const runner = call.machineToWrite()
    if (runner.state !== 'started') {
      const full = call.cloud.runtime.faults.capacityError(
        runner.record.region,
        'start',
        call.cloud.runtime.organization,
      )
      if (full !== undefined) throw full
    }
    return Response.json({ previous_state: runner.start('user'), migrated: false, new_host: '' })
  })

  route('POST', `${MACHINE}/stop`, 'machine.stop', async (call) => {
    const body = (await call.body()) ?? {}
    const runner = call.machineToWrite()
    const parsed = stopBody.safeParse(body)
    if (!parsed.success) {
      const kind = Array.isArray(body) ? 'array' : typeof body
      throw new FlyError(400, `json: cannot unmarshal ${kind} into Go value of type main.stopRequest`)
    }
    const { signal, timeoutMs } = stopOptions(
      runner.record.config,
      parsed.data.signal ?? undefined,
      parsed.data.timeout ?? undefined,
    )
    runner.stop('user', signal, timeoutMs)
    return Response.json({ ok: true })
  })

  route('POST', `${MACHINE}/suspend`, 'machine.suspend', (call) => {
    call.machineToWrite().suspend('user')
    return Response.json({ ok: true })
  })

  route('POST', `${MACHINE}/restart`, 'machine.restart', (call) => {
    const runner = call.machineToWrite()
    const given = call.query.get('timeout') ?? undefined
    // Here a bare number means seconds, unlike elsewhere.
    const timeout = given !== undefined && /^\d+$/.test(given) ? `${given}s` : given
    const { signal, timeoutMs } = stopOptions(
      runner.record.config,
      call.query.get('signal') ?? undefined,
      timeout,
    )
    runner.restart('user', { signal, timeoutMs, force: call.query.get('force_stop') === 'true' })
    return Response.json({ ok: true })
  })

  route('POST', `${MACHINE}/signal`, 'machine.signal', async (call) => {
    const body = z.looseObject({ signal: z.union([z.string(), z.int()]) }).safeParse(await call.body())
    if (!body.success) throw new FlyError(400, 'invalid_argument: signal is required')
    call.machineToWrite().signal(signalName(body.data.signal, ALL_SIGNALS))
    return Response.json({ ok: true })
  })

  route('GET', `${MACHINE}/wait`, 'machine.wait', async (call) => {
    const query = parseWaitQuery(call.query)
    return Response.json(await waitForState(call.cloud.runtime, call.machine(), query, call.signal))
  })

  route('POST', `${MACHINE}/cordon`, 'machine.cordon', (call) => {
    const runner = call.machineToWrite()
    runner.record.cordoned = true
    runner.touched()
    return Response.json({ ok: true })
  })

  route('POST', `${MACHINE}/uncordon`, 'machine.uncordon', (call) => {
    const runner = call.machineToWrite()
    // Uncordon also registers a machine that was created with skip_service_registration (docs/facts/fly.md §4.2).
    Object.assign(runner.record, { cordoned: false, skipServiceRegistration: false })
    runner.touched()
    return Response.json({ ok: true })
  })
}
