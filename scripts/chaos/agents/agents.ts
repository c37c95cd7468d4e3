// The agents of a chaos run: mostly the sample agent, and some that are slow, silent, broken or hostile. All of them record
// the messages that arrive before anything else happens to them.
import type { Program } from '../../lib/emulator/guests/host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import type { Chance } from './random.ts'

/** Does nothing until it is asked to stop. */
export const idleGuest: Program = (machine) =>
  new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0), { once: true }))

/** How often each manner is chosen for a boot. */
const MANNERS = { good: 30, slow: 3, silent: 1, broken: 1, oversized: 1, misleading: 1 }

type Manner = keyof typeof MANNERS

/** How long a slow agent takes for each answer, in milliseconds of the run's clock. */
const SLOW_MS = 5_000

const OVERSIZED = new Uint8Array(32 * 1024 * 1024).fill(32)

/** What an agent of this manner answers instead of the sample agent; undefined: the sample agent answers. */
async function answerOf(manner: Manner, isMessage: boolean): Promise<Response | undefined> {
  switch (manner) {
    case 'good':
      return undefined
    case 'slow':
      await new Promise((resolve) => setTimeout(resolve, SLOW_MS))
      return undefined
    case 'silent':
      return isMessage ? new Promise(() => {}) : undefined
    case 'broken':
      return isMessage ? new Response('<h1>Internal Server Error</h1>', { status: 500 }) : undefined
    case 'oversized':
      return isMessage
        ? undefined
        : new Response(OVERSIZED, { headers: { 'content-type': 'application/json' } })
    case 'misleading':
      return isMessage
        ? new Response(null, {
            status: 302,
            headers: { location: 'http://169.254.169.254/', 'fly-replay': 'app=x' },
          })
        : undefined
  }
}

/** @param arrivals how often an agent received each message, by message id */
export const createGuest =
  (arrivals: Map<string, number>, chance: Chance): Program =>
  (machine) => {
    const manner = chance.weighed(MANNERS)
    return sampleAgent({
      ...machine,
      listen: (port, handler, address) =>
        machine.listen(
          port,
          async (request) => {
            const isMessage = request.method === 'POST'
            const text = isMessage ? await request.text() : undefined
            const id = text === undefined ? undefined : messageIdOf(text)
            if (id !== undefined) arrivals.set(id, (arrivals.get(id) ?? 0) + 1)
            const answer = await answerOf(manner, isMessage)
            if (answer !== undefined) return answer
            if (text === undefined) return handler(request)
            return handler(new Request(request.url, { method: 'POST', headers: request.headers, body: text }))
          },
          address,
        ),
    })
  }

function messageIdOf(text: string): string | undefined {
  const body = JSON.parse(text) as { params?: { message?: { messageId?: unknown } } }
  const id = body.params?.message?.messageId
  return typeof id === 'string' ? id : undefined
}
