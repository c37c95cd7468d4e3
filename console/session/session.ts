// Who uses the console: the token, the client that sends it, and what it may do. The token is in memory and, unless the user
// objects, in sessionStorage, which belongs to this browser tab and ends with it. It is never in an address.
import { computed, signal } from '@preact/signals'
import { ApiProblem, type Client, type components, createClient } from '../../client/client.ts'
import { problemOf } from '../../client/problem.ts'
import { createObservedFetch } from './connection.ts'

export type Me = components['schemas']['Me']
export type Scope = Me['scopes'][number]

export type Session =
  | { state: 'starting' }
  /** `problem`: why the user has to sign in, if there is more to say than that a token is needed. */
  | { state: 'signed_out'; problem: string | undefined }
  | { state: 'signed_in'; client: Client; me: Me; hasToken: boolean }

const KEY = 'molecule-fly-token'

export const session = signal<Session>({ state: 'starting' })

/** @throws TypeError outside of a signed-in view */
export function currentClient(): Client {
  if (session.value.state !== 'signed_in') throw new TypeError('there is no session')
  return session.value.client
}

const me = computed(() => (session.value.state === 'signed_in' ? session.value.me : undefined))

/** Whether the token has the scope. What it may not do is not offered. */
export const may = (scope: Scope): boolean => me.value?.scopes.includes(scope) === true

/** Whether the token is for all workspaces: only then it may create some, and see the fleet's machines and disks. */
export const mayAll = (scope: Scope): boolean => may(scope) && me.value?.workspaces === null

/** Uses the stored token, or none on a server that is open to programs on its computer. */
export async function start(): Promise<void> {
  const stored = readStored()
  const problem = await signIn(stored)
  if (problem === undefined) return
  session.value = { state: 'signed_out', problem: stored === undefined ? undefined : problem }
}

/** @returns why it failed; undefined when it did not */
export async function signIn(token: string | undefined, keep = true): Promise<string | undefined> {
  const fetch = createObservedFetch((response) => void expire(response))
  const client = createClient({ url: location.origin, token, fetch })
  try {
    const { data } = await client.api.GET('/me')
    if (data === undefined) return 'The server answered without a body.'
    if (data.kind === 'workspace')
      return 'This is the token of one workspace, which its agent uses. Sign in with ADMIN_TOKEN or an API token.'
    store(keep ? token : undefined)
    session.value = { state: 'signed_in', client, me: data, hasToken: token !== undefined }
    return undefined
  } catch (error) {
    return error instanceof ApiProblem ? error.message : String(error)
  }
}

export function signOut(problem?: string): void {
  store(undefined)
  session.value = { state: 'signed_out', problem }
}

/** The server refused the token of a session that was accepted before. */
async function expire(response: Response): Promise<void> {
  if (session.value.state !== 'signed_in') return
  const { message } = await problemOf(response)
  signOut(`You were signed out, because the server no longer accepts the token: ${message}.`)
}

function readStored(): string | undefined {
  try {
    return sessionStorage.getItem(KEY) ?? undefined
  } catch {
    return undefined
  }
}

function store(token: string | undefined): void {
  try {
    if (token === undefined) sessionStorage.removeItem(KEY)
    else sessionStorage.setItem(KEY, token)
  } catch {
    // A browser that stores nothing asks again after a reload.
  }
}
