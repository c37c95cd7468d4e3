// Bearer → caller. Closed unless a token matches, with one exception that the entry has to ask for: a server that listens
// on loopback alone and has no ADMIN_TOKEN is open to this computer, and to nothing that a browser or a tunnel relays.
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { identifyAgent } from '../lib/agents/authenticate-agent.ts'
import { hashToken } from '../lib/agents/token.ts'
import { DomainError } from '../lib/errors.ts'
import type { Services } from '../lib/services.ts'
import type { AppEnv, Caller } from './app-env.ts'

/** The token of an `Authorization: Bearer` header; schemes are case-insensitive. */
export function bearerOf(c: Context): string | undefined {
  return /^bearer +(\S+)$/i.exec(c.req.header('authorization')?.trim() ?? '')?.[1]
}

export type Openness = {
  /** The server listens on loopback only, so that whoever reaches it directly sits at this computer. */
  loopback: boolean
}

export function authenticate(services: Services, openness: Openness) {
  return createMiddleware<AppEnv>(async (c, next) => {
    c.set('caller', await identify(services, openness, c))
    await next()
  })
}

async function identify(services: Services, openness: Openness, c: Context): Promise<Caller> {
  const { adminTokens } = services.config
  if (adminTokens.length === 0 && !openness.loopback) {
    throw new DomainError('misconfigured', 'ADMIN_TOKEN is not set: this server is closed until it is')
  }
  const token = bearerOf(c)
  if (token === undefined) {
    if (adminTokens.length > 0)
      throw new DomainError('unauthenticated', "send 'Authorization: Bearer <token>'")
    refuseRelayed(c)
    return { kind: 'admin' }
  }
  if (await matchesAny(token, adminTokens)) return { kind: 'admin' }
  const agent = await identifyAgent(services.db, token, services.now())
  if (agent === undefined) throw new DomainError('unauthenticated', 'this token is not valid')
  return { kind: 'workspace', workspaceId: agent.workspaceId }
}

// Digests are compared, so that how long it takes tells nothing about the token.
async function matchesAny(token: string, accepted: string[]): Promise<boolean> {
  const digest = await hashToken(token)
  const digests = await Promise.all(accepted.map(hashToken))
  return digests.includes(digest)
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/**
 * An open door is for programs on this computer. A tunnel or a rebound DNS name shows in the host name, a web page in the
 * headers that browsers add to what other sites send.
 */
function refuseRelayed(c: Context): void {
  if (!LOOPBACK.test(new URL(c.req.url).hostname)) {
    throw new DomainError(
      'unauthenticated',
      'without ADMIN_TOKEN this server answers on loopback only; set ADMIN_TOKEN and send it as a bearer token',
    )
  }
  const site = c.req.header('sec-fetch-site')
  const origin = c.req.header('origin')
  const foreign = origin !== undefined && !LOOPBACK.test(hostOf(origin))
  if (site === 'cross-site' || foreign) {
    throw new DomainError('forbidden', 'requests from web pages need ADMIN_TOKEN')
  }
}

const hostOf = (origin: string) => (URL.canParse(origin) ? new URL(origin).hostname : '')

/** For doors that only an operator may use. */
export const adminOnly = createMiddleware<AppEnv>(async (c, next) => {
  if (c.get('caller').kind !== 'admin') throw new DomainError('forbidden', 'a workspace token cannot do this')
  await next()
})

/**
 * For doors of one workspace, which its own agent may use too.
 * @throws DomainError `not_found` for another's workspace: whether it exists is not for them to know
 */
export function assertMayUse(c: Context<AppEnv>, workspaceId: string): void {
  const caller = c.get('caller')
  if (caller.kind === 'workspace' && caller.workspaceId !== workspaceId) {
    throw new DomainError('not_found', 'workspace not found')
  }
}
