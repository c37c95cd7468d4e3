// Authentication: from the bearer token of a request to its caller. Every request needs a valid token, with one
// exception: on a server that listens on loopback only and has no ADMIN_TOKEN, programs on the same computer need none
// if Fly is the embedded emulator or a setting allows it by name.
import type { Context } from 'hono'
import { identifyAgent } from '../../lib/auth/authenticate-agent.ts'
import type { Caller } from '../../lib/auth/caller.ts'
import { hashToken, matchesAny } from '../../lib/auth/token.ts'
import type { Config } from '../../lib/config/config.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { DomainError } from '../../lib/platform/errors.ts'
import { identifyApiToken, isApiToken } from '../../lib/tokens/api-tokens.ts'
import { invalidToken, recordInvalidToken, rejectUnknownToken } from './invalid-tokens.ts'
import type { RequestInfo } from './request-info.ts'

/** The token of an `Authorization: Bearer` header. The scheme is case-insensitive. */
export const tokenOf = (authorization: string | undefined) =>
  /^bearer +(\S+)$/i.exec(authorization?.trim() ?? '')?.[1]

/** The token of a request's `Authorization` header. */
export const bearerOf = (c: Context): string | undefined => tokenOf(c.req.header('authorization'))

const NOT_CONFIGURED =
  'this server refuses all requests until ADMIN_TOKEN is set (openssl rand -base64 32), or, on loopback only, ANONYMOUS_LOOPBACK=true, which lets every program on this computer create machines'

export type Exposure = {
  /** The server listens on loopback only, so every direct client runs on this computer. */
  loopback: boolean
}

/**
 * Whether requests without a token are allowed: ADMIN_TOKEN is not set, the server listens on loopback only, and
 * either Fly is the emulator, so that nothing costs money, or a setting allows it by name.
 */
export const allowsAnonymous = (
  { adminTokens, anonymousLoopback, backend, moleculeCompat }: Config,
  { loopback }: Exposure,
): boolean =>
  adminTokens.length === 0 && loopback && (backend === 'emulator' || anonymousLoopback || moleculeCompat)

export type Authenticate = (request: RequestInfo) => Caller | Promise<Caller>

/**
 * Identified callers are cached for seconds by their whole `Authorization` header.
 * @throws DomainError `misconfigured`, `unauthenticated`, `forbidden`, `rate_limited`
 */
export function createAuthenticator(services: Services, exposure: Exposure): Authenticate {
  const { config } = services
  const { adminTokens } = config
  const isAnonymousAllowed = allowsAnonymous(config, exposure)

  const adminHashes = Promise.all(adminTokens.map(hashToken))

  async function identify(token: string, address: string): Promise<Caller> {
    const hash = await hashToken(token)
    if (matchesAny(hash, await adminHashes)) return { kind: 'admin' }
    await rejectUnknownToken(services, hash, address)
    const caller = isApiToken(token)
      ? await identifyApiToken(services, token)
      : await identifyWorkspace(token)
    if (caller !== undefined) return caller
    // It was revoked within the time that its validity was remembered.
    recordInvalidToken(services, hash, address)
    throw invalidToken()
  }

  async function identifyWorkspace(token: string): Promise<Caller | undefined> {
    const agent = await identifyAgent(services.db, token, services.now())
    if (agent === undefined) return undefined
    const { generation, workspaceId } = agent
    return { kind: 'workspace', workspaceId, generation }
  }

  async function load(authorization: string, token: string, address: string): Promise<Caller> {
    const caller = await services.callers.load(authorization, () => identify(token, address))
    if (caller === undefined) throw invalidToken()
    return caller
  }

  return (request) => {
    if (adminTokens.length === 0 && !isAnonymousAllowed) {
      throw new DomainError('misconfigured', NOT_CONFIGURED)
    }
    const authorization = request.header('authorization')
    const known = authorization === undefined ? undefined : services.callers.peek(authorization)
    if (known !== undefined) return known
    const token = tokenOf(authorization)
    if (token === undefined || authorization === undefined) {
      if (!isAnonymousAllowed)
        throw new DomainError('unauthenticated', "send 'Authorization: Bearer <token>'")
      rejectRelayed(request)
      return ANONYMOUS
    }
    return load(authorization, token, request.address())
  }
}

const ANONYMOUS: Caller = { kind: 'admin' }

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/**
 * Anonymous access is for programs on this computer. The host name reveals a tunnel or DNS rebinding; `Origin` and
 * `Sec-Fetch-Site` reveal a web page of another site.
 */
function rejectRelayed(request: RequestInfo): void {
  if (!LOOPBACK.test(request.hostname())) {
    throw new DomainError(
      'unauthenticated',
      'without ADMIN_TOKEN this server answers on loopback only; set ADMIN_TOKEN and send it as a bearer token',
    )
  }
  if (isRelayed(request)) throw new DomainError('forbidden', 'requests from web pages need ADMIN_TOKEN')
}

/** Whether a request comes through a tunnel, or from a web page of another site, and not from this computer alone. */
export function isRelayed({ header, hostname }: RequestInfo): boolean {
  const origin = header('origin')
  const isForeign = origin !== undefined && !LOOPBACK.test(hostOf(origin))
  return !LOOPBACK.test(hostname()) || header('sec-fetch-site') === 'cross-site' || isForeign
}

const hostOf = (origin: string) => (URL.canParse(origin) ? new URL(origin).hostname : '')
