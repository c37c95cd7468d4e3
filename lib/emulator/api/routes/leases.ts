// `…/machines/{id}/lease` (docs/facts/fly.md §2.4).

import { z } from 'zod'
import { MACHINE } from './machines.ts'
import type { Route } from '../route.ts'
import { FlyError } from '../../shared/fly-error.ts'
import { currentLease, leaseEnvelope, takeLease } from '../../machines/leases.ts'

const leaseBody = z.looseObject({ ttl: z.int().nonnegative().nullish(), description: z.string().nullish() })

const noLease = (): FlyError => new FlyError(404, 'not_found: lease not found')

export function addLeaseRoutes(route: Route): void {
  route('GET', `${MACHINE}/lease`, 'lease.get', (call) => {
    const lease = currentLease(call.machine().record, call.cloud.runtime.now())
    if (lease === undefined) throw noLease()
    return Response.json(leaseEnvelope(lease))
  })

  route('POST', `${MACHINE}/lease`, 'lease.create', async (call) => {
    const parsed = leaseBody.safeParse((await call.body()) ?? {})
    if (!parsed.success) throw new FlyError(400, 'invalid_argument: ttl must be a whole number of seconds')
    const runner = call.machineToWrite()
    const inQuery = call.query.get('ttl')
    // fly-go sends `?ttl=` and no body.
    const ttl = parsed.data.ttl ?? (inQuery === null ? undefined : Number(inQuery))
    if (ttl !== undefined && !(Number.isInteger(ttl) && ttl >= 0)) {
      throw new FlyError(400, 'invalid_argument: ttl must be a whole number of seconds')
    }
    const description = parsed.data.description ?? undefined
    const asked = { ttl: ttl === 0 ? undefined : ttl, description, owner: call.owner, nonce: call.nonce }
    const lease = takeLease(runner.record, asked, call.cloud.runtime.now())
    call.cloud.runtime.journal.machine(runner.record)
    return Response.json(leaseEnvelope(lease), { status: 201 })
  })

  route('DELETE', `${MACHINE}/lease`, 'lease.delete', (call) => {
    if (call.nonce === undefined || call.nonce === '') {
      throw new FlyError(400, 'invalid_argument: fly-machine-lease-nonce header is required')
    }
    const { record } = call.machine()
    if (currentLease(record, call.cloud.runtime.now()) === undefined) throw noLease()
    call.machineToWrite()
    delete record.lease
    call.cloud.runtime.journal.machine(record)
    return Response.json({ status: 'success', data: { ok: true } })
  })
}
