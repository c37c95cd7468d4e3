// ADMIN_TOKEN: a client that guesses it may do everything, including spending money.
import { allowsAnonymous } from '../../functions/http/authenticate.ts'
import { isLoopback } from '../../lib/platform/ip-address.ts'
import { type Finding, ok, warning, wrong } from './finding.ts'
import type { DoctorContext } from './context.ts'

/** A number of random bits that cannot be guessed. */
const STRONG_BITS = 128

const GENERATE = 'export ADMIN_TOKEN=$(openssl rand -base64 32)'

export function checkAdminToken({ config }: DoctorContext): Finding {
  const { adminTokens, listen } = config
  if (adminTokens.length === 0) {
    if (allowsAnonymous(config, { loopback: isLoopback(listen.host) }))
      return ok('not set: the API is open to programs on this computer only')
    return wrong('not set: the server answers 503 until it is', GENERATE)
  }
  if (new Set(adminTokens).size < adminTokens.length) return warning('the same token is listed twice')
  const weak = adminTokens.findIndex((token) => bitsOf(token) < STRONG_BITS)
  if (weak === -1)
    return ok(`${adminTokens.length === 1 ? 'one token' : `${adminTokens.length} tokens`}, long enough`)
  const which = adminTokens.length === 1 ? 'it' : `number ${weak + 1} of ${adminTokens.length}`
  return warning(`${which} is shorter, or more regular, than ${STRONG_BITS} random bits would be`, GENERATE)
}

/** An upper bound of the entropy in bits, from the kinds of characters and the number of different ones. */
function bitsOf(token: string): number {
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^a-zA-Z\d]/]
  const sizes = [26, 26, 10, 10]
  const isHex = /^[0-9a-f]+$/i.test(token)
  const alphabet = isHex
    ? 16
    : kinds.reduce((sum, kind, at) => sum + (kind.test(token) ? (sizes[at] ?? 0) : 0), 0)
  const different = new Set(token).size
  return token.length * Math.log2(Math.max(1, Math.min(alphabet, 2 * different)))
}
