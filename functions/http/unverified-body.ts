// The body of a webhook, whose signature can be verified only when it has been read: anybody may send one.
import type { Context } from 'hono'
import type { Services } from '../../lib/control-plane/services.ts'
import { LARGE_WEBHOOK } from '../../lib/hooks/forgers.ts'
import { DomainError } from '../../lib/platform/errors.ts'
import type { AppEnv } from './app-env.ts'
import { announcedBytes, readBody } from './read-body.ts'
import { requestInfo } from './request-info.ts'

/**
 * Reads the body and counts its bytes until `use` ends, which verifies it. Large ones of an address that has just sent forged ones
 * take turns.
 * @param use gets undefined for a body of more than `maxBytes`; throws DomainError `unauthenticated` for a forged one
 * @throws DomainError `unavailable` when too many bytes of all senders are not verified yet
 */
export async function useUnverifiedBody<Result>(
  services: Services,
  c: Context<AppEnv>,
  maxBytes: number,
  use: (body: Uint8Array | undefined) => Promise<Result>,
): Promise<Result> {
  const { forgers, unverifiedBytes } = services
  const address = requestInfo(services.config, c).address()
  const announced = announcedBytes(c.req.raw)
  const mayBeLarge = announced === 0 || announced > LARGE_WEBHOOK
  const endTurn = mayBeLarge ? await forgers.takeTurn(address) : undefined
  let length = 0
  try {
    const body = await readBody(c.req.raw, maxBytes, unverifiedBytes)
    length = body?.length ?? 0
    return await use(body)
  } catch (error) {
    const isForged = error instanceof DomainError && error.code === 'unauthenticated'
    if (isForged && length > LARGE_WEBHOOK) forgers.record(address)
    throw error
  } finally {
    unverifiedBytes.giveBack(length)
    endTurn?.()
  }
}
