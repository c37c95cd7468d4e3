// `…/machines/{id}/metadata` (docs/facts/fly.md §2.6): changes the metadata without a new version and without a
// restart.

import { z } from 'zod'
import { MACHINE } from './machines.ts'
import type { Call, Route } from '../route.ts'
import { FlyError } from '../../shared/fly-error.ts'
import type { MachineRunner } from '../../machines/machine-runner.ts'

const patchBody = z.looseObject({
  metadata: z.record(z.string(), z.string().nullable()),
  machine_version: z.string().nullish(),
})

export function addMetadataRoutes(route: Route): void {
  route('GET', `${MACHINE}/metadata`, 'machine.metadata.list', (call) =>
    Response.json(call.machine().record.config.metadata ?? {}),
  )

  route('PATCH', `${MACHINE}/metadata`, 'machine.metadata.patch', merge)
  // Deprecated. It merges as PATCH does and does not replace.
  route('PUT', `${MACHINE}/metadata`, 'machine.metadata.put', merge)

  route('GET', `${MACHINE}/metadata/:key`, 'machine.metadata.get', (call) => {
    const value = call.machine().record.config.metadata?.[call.param('key')]
    if (value === undefined) throw new FlyError(404, 'not_found: metadata key not found')
    return Response.json({ value })
  })

  route('POST', `${MACHINE}/metadata/:key`, 'machine.metadata.set', async (call) => {
    const parsed = z.looseObject({ value: z.string() }).safeParse(await call.body())
    if (!parsed.success) throw new FlyError(400, 'invalid_argument: value is required')
    return write(call.machineToWrite(), { [call.param('key')]: parsed.data.value })
  })

  route('DELETE', `${MACHINE}/metadata/:key`, 'machine.metadata.delete', (call) =>
    write(call.machineToWrite(), { [call.param('key')]: null }),
  )
}

async function merge(call: Call): Promise<Response> {
  const parsed = patchBody.safeParse(await call.body())
  if (!parsed.success) throw new FlyError(400, 'invalid_argument: metadata must be an object of strings')
  const runner = call.machineToWrite()
  const { metadata, machine_version: version } = parsed.data
  if (typeof version === 'string' && version !== '' && version !== runner.record.version) {
    throw new FlyError(
      412,
      `failed_precondition: machine version mismatch, currently ${runner.record.version}`,
    )
  }
  return write(runner, metadata)
}

/** A null or empty value removes the key. */
function write(runner: MachineRunner, changes: Record<string, string | null>): Response {
  const { record } = runner
  const merged = { ...record.config.metadata, ...changes }
  const metadata = Object.fromEntries(
    Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== null && entry[1] !== ''),
  )
  // A new object, because the list of versions shares the old one.
  record.config = { ...record.config, metadata }
  runner.touched()
  return new Response(null, { status: 204 })
}
