// The Machines API as a program inside a machine reaches it: for its own machine, without a token (docs/facts/fly.md
// §1.1).

import type { FlyApi } from '../guests/host.ts'
import { FlyError } from '../shared/fly-error.ts'
import type { MachineRecord } from '../store/records.ts'

/** @param fetch sends a request to the API with a token of the organization */
export const createOwnApi =
  (fetch: (request: Request) => Promise<Response>, token: string) =>
  ({ app, id }: MachineRecord): FlyApi =>
  async (method, path, body) => {
    const own = `/v1/apps/${app}/machines/${id}`
    const { pathname, search } = new URL(path, 'http://flaps')
    const isOwn = pathname === own || pathname.startsWith(`${own}/`)
    const response = isOwn
      ? await fetch(
          new Request(`http://flaps${pathname}${search}`, {
            method,
            headers: { authorization: `Bearer ${token}` },
            ...(body === undefined ? {} : { body }),
          }),
        )
      : new FlyError(403, 'unauthorized').toResponse()
    return { status: response.status, body: await response.text() }
  }
