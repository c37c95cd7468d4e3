// A Fly client for unit tests, whose answers come from a list.
import { createFlyClient } from '../../lib/fly/client.ts'
import type { FlyCall, FlyClientOptions } from '../../lib/fly/client.ts'
import { FlyError } from '../../lib/fly/errors.ts'

export type Reply = Response | Error | ((signal: AbortSignal) => Response | Promise<Response>)
type Sent = { method: string; url: string; headers: Headers; body: unknown }

export const TOKEN = 'fm2_secret'
export const MACHINE = { id: '148e1', state: 'created' }

/**
 * A client whose Fly answers from a list, in order. A call beyond the end of the list fails. Time passes only in sleeps.
 */
export function scriptedClient(replies: Reply[], options: Partial<FlyClientOptions> = {}) {
  const sent: Sent[] = []
  const slept: number[] = []
  const calls: FlyCall[] = []
  let clock = 0
  async function fetch(this: unknown, url: unknown, init: RequestInit): Promise<Response> {
    if (this !== undefined) throw new TypeError('Illegal invocation')
    const body = init.body === undefined ? undefined : JSON.parse(init.body as string)
    sent.push({ method: init.method!, url: String(url), headers: init.headers as Headers, body })
    const reply = replies.shift()
    if (reply === undefined) throw new Error('no answer is left in the list')
    if (reply instanceof Error) throw reply
    return typeof reply === 'function' ? reply(init.signal!) : reply
  }
  const fly = createFlyClient({
    token: TOKEN,
    fetch: fetch as typeof globalThis.fetch,
    now: () => clock,
    random: () => 0.5,
    sleep: async (ms) => {
      slept.push(ms)
      clock += ms
    },
    onCall: (call) => calls.push(call),
    ...options,
  })
  return { fly, sent, slept, calls }
}

export const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers })
export const refusal = (status: number, error = '', headers: Record<string, string> = {}) =>
  json({ error }, status, headers)
export const empty = (status = 200) => new Response(null, { status })

/** Returns the FlyError that the promise rejects with. Any other end is thrown. */
export async function failureOf(work: Promise<unknown>): Promise<FlyError> {
  const error = await work.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  )
  if (!(error instanceof FlyError)) throw error
  return error
}
