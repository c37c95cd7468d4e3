// Bearer → caller. Closed unless a token matches, with one exception that the entry has to ask for: a server that listens
// on loopback alone, has no ADMIN_TOKEN and no Fly but the emulator is open to this computer, and to nothing that a browser or
// a tunnel relays.
import type { Context } from 'hono'
import { identifyAgent } from '../../lib/auth/authenticate-agent.ts'
import { hashToken, matchesAny } from '../../lib/auth/token.ts'
import type { Caller } from '../../lib/auth/caller.ts'
import type { Config } from '../../lib/config/config.ts'
import { DomainError } from '../../lib/platform/errors.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { identifyApiToken, isApiToken } from '../../lib/tokens/api-tokens.ts'
import { recordInvalidToken, invalidToken, throttleInvalidTokens } from './invalid-tokens.ts'

const bearer = (authorization: string | undefined) =>
  /^bearer +(\S+)$/i.exec(authorization?.trim() ?? '')?.[1]

/** The token of an `Authorization: Bearer` header; schemes are case-insensitive. */
export const bearerOf = (c: Context): string | undefined => bearer(c.req.header('authorization'))

const CLOSED =
  'this server is closed until ADMIN_TOKEN is set (openssl rand -base64 32), or, on loopback only, ANONYMOUS_LOOPBACK=true, which lets every program on this computer use the Fly token'

export type Exposure = {
  /** The server listens on loopback only, so that whoever reaches it directly sits at this computer. */
  loopback: boolean
}

/**
 * Whether requests without a token are allowed: ADMIN_TOKEN is not set, the server listens on loopback only, and either Fly is
 * the emulator, so that nothing costs money, or a setting allows it by name.
 */
export const allowsAnonymous = (
  { adminTokens, anonymousLoopback, fly, moleculeCompat }: Config,
  { loopback }: Exposure,
): boolean => adminTokens.length === 0 && loopback && (fly.emulator || anonymousLoopback || moleculeCompat)

/** What a request tells of who sent it, on any runtime. */
export type RequestInfo = {
  header: (name: string) => string | undefined
  /** The host name that was asked for, without a port. */
  hostname: () => string
  /** Where it comes from (functions/http/client-address.ts). */
  address: () => string
}

export type Authenticate = (knock: RequestInfo) => Caller | Promise<Caller>

/**
 * How a server identifies its callers. What was found is kept for seconds, under the whole header: to find an entry a hash
 * of all of it must fit, so the time it takes tells nothing about a token.
 * @throws DomainError `misconfigured`, `unauthenticated`, `forbidden`, `rate_limited`
 */
export function createAuthenticator(services: Services, openness: Exposure): Authenticate {
  const { config } = services
  const { adminTokens } = config
  const open = allowsAnonymous(config, openness)

  async function read(authorization: string): Promise<Caller | undefined> {
    const token = bearer(authorization)
    if (token === undefined) return undefined
    const [digest = '', ...accepted] = await Promise.all([token, ...adminTokens].map(hashToken))
    if (matchesAny(digest, accepted)) return { kind: 'admin' }
    if (isApiToken(token)) return identifyApiToken(services, token)
    const agent = await identifyAgent(services.db, token, services.now())
    return agent === undefined ? undefined : { kind: 'workspace', workspaceId: agent.workspaceId }
  }

  return (knock) => {
    if (adminTokens.length === 0 && !open) {
      throw new DomainError('misconfigured', CLOSED)
    }
    const authorization = knock.header('authorization')
    if (bearer(authorization) === undefined || authorization === undefined) {
      if (!open) throw new DomainError('unauthenticated', "send 'Authorization: Bearer <token>'")
      refuseRelayed(knock)
      return ANYBODY_HERE
    }
    return services.callers.peek(authorization) ?? known(authorization, knock.address())
  }

  async function known(authorization: string, address: string): Promise<Caller> {
    throttleInvalidTokens(services, authorization, address)
    const caller = await services.callers.load(authorization, () => read(authorization))
    if (caller !== undefined) {
      services.failedAttempts.recordValid(authorization)
      return caller
    }
    recordInvalidToken(services, authorization, address)
    throw invalidToken()
  }
}

const ANYBODY_HERE: Caller = { kind: 'admin' }

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/**
 * An open door is for programs on this computer. A tunnel or a rebound DNS name shows in the host name, a web page in the
 * headers that browsers add to what other sites send.
 */
function refuseRelayed({ header, hostname }: RequestInfo): void {
  if (!LOOPBACK.test(hostname())) {
    throw new DomainError(
      'unauthenticated',
      'without ADMIN_TOKEN this server answers on loopback only; set ADMIN_TOKEN and send it as a bearer token',
    )
  }
  const origin = header('origin')
  const foreign = origin !== undefined && !LOOPBACK.test(hostOf(origin))
  if (header('sec-fetch-site') === 'cross-site' || foreign) {
    throw new DomainError('forbidden', 'requests from web pages need ADMIN_TOKEN')
  }
}

const hostOf = (origin: string) => (URL.canParse(origin) ? new URL(origin).hostname : '')
