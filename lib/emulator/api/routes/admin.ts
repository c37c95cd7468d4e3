// The admin API of the emulator, which Fly does not have: health, all machines and volumes, and faults.

import type { Hono } from 'hono'
import { ZodError } from 'zod'
import type { Faults } from '../../faults/faults.ts'
import type { FaultInput } from '../../faults/fault-kinds.ts'
import { FlyError } from '../../shared/fly-error.ts'
import type { MachineSnapshot } from '../../machines/snapshot.ts'
import type { VolumeView } from '../../volumes/volume-view.ts'

/**
 * - `GET /_emulator/health` → `{ok: true}`
 * - `GET /_emulator/machines` → `{machines}`, destroyed ones included
 * - `GET /_emulator/volumes` → `{volumes}`, destroyed ones included
 * - `GET /_emulator/faults` → `{faults}` that are active, each with its `id`
 * - `POST /_emulator/faults` with one fault of fault-kinds.ts, e.g. `{"kind":"capacity","region":"iad"}` → 201 `{id}`
 * - `DELETE /_emulator/faults/{id}` → 204, also when it is used up
 * - `DELETE /_emulator/faults` → 204, removes all
 *
 * `authorize` throws when the caller is not authorized.
 */
export function addAdminRoutes(
  api: Hono,
  faults: Faults,
  inventory: { machines: () => MachineSnapshot[]; volumes: () => VolumeView[] },
  authorize: (header: string | undefined) => void,
): void {
  api.get('/_emulator/health', () => Response.json({ ok: true }))

  api.use('/_emulator/*', async (context, next) => {
    authorize(context.req.header('authorization'))
    await next()
  })

  api.get('/_emulator/machines', () => Response.json({ machines: inventory.machines() }))

  api.get('/_emulator/volumes', () => Response.json({ volumes: inventory.volumes() }))

  api.get('/_emulator/faults', () => Response.json({ faults: faults.list() }))

  api.post('/_emulator/faults', async (context) => {
    try {
      const fault = await context.req.json<FaultInput>()
      return Response.json({ id: faults.add(fault) }, { status: 201 })
    } catch (error) {
      if (error instanceof ZodError)
        throw new FlyError(400, error.issues.map((issue) => issue.message).join('; '))
      if (error instanceof SyntaxError) throw new FlyError(400, 'the request body is not valid JSON')
      throw error
    }
  })

  api.delete('/_emulator/faults/:id', (context) => {
    faults.remove(context.req.param('id'))
    return new Response(null, { status: 204 })
  })

  api.delete('/_emulator/faults', () => {
    faults.clear()
    return new Response(null, { status: 204 })
  })
}
