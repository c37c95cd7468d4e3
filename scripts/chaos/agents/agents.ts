// The agents of a chaos run: mostly the sample agent, and some with other manners (manners.ts). All of them record the messages
// that arrive before anything else happens to them.
import type { GuestMachine, Program } from '../../../lib/emulator/guests/host.ts'
import { sampleAgent } from '../../../lib/emulator/sample-agent/sample-agent.ts'
import { type Chance, sleep } from '../random.ts'
import { answerAs, MANNERS } from './manners.ts'

/** A call to the Machines API by others than a control plane. */
export type Operate = (
  method: string,
  path: string,
  body?: unknown,
) => Promise<{ status: number; body: unknown }>

/** Does nothing until it is asked to stop. */
export const idleGuest: Program = (machine) =>
  new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0), { once: true }))

export const crashingGuest: Program = async () => 3

/** How long a self-suspending agent stays after an answer, in milliseconds of the run's clock. */
const IDLE_MS = 1_000

/**
 * @param record called with the id of each message, before it is answered
 * @param operate suspends its machine, as an agent can with a token of its app
 */
export const createAgent =
  (record: (messageId: string) => unknown, chance: Chance, operate: Operate): Program =>
  (machine) => {
    const manner = chance.weighed(MANNERS)
    const handle = async (request: Request, handler: (request: Request) => Response | Promise<Response>) => {
      const isMessage = request.method === 'POST'
      const text = isMessage ? await request.text() : undefined
      const id = text === undefined ? undefined : messageIdOf(text)
      if (id !== undefined) await record(id)
      const again =
        text === undefined
          ? request
          : new Request(request.url, { method: 'POST', headers: request.headers, body: text })
      if (isMessage && manner === 'self-suspending') void suspendSoon(machine, operate)
      return answerAs(manner, isMessage, async () => handler(again))
    }
    return sampleAgent({
      ...machine,
      fetch: manner === 'busy' ? reportBusy(machine) : machine.fetch,
      listen: (port, handler, address) =>
        machine.listen(port, (request) => handle(request, handler), address),
    } satisfies GuestMachine)
  }

async function suspendSoon({ env }: GuestMachine, operate: Operate): Promise<void> {
  await sleep(IDLE_MS)
  await operate('POST', `${env['FLY_APP_NAME']}/machines/${env['FLY_MACHINE_ID']}/suspend`, {})
}

/** Its heartbeats report work. */
const reportBusy =
  (machine: GuestMachine): typeof fetch =>
  async (input, init) => {
    const request = new Request(input, init)
    if (!request.url.endsWith('/registry/heartbeat')) return machine.fetch(request)
    const heartbeat = { ...((await request.json()) as object), active_tasks: 2, current_task: 'thinking' }
    return machine.fetch(request.url, {
      method: 'POST',
      headers: request.headers,
      body: JSON.stringify(heartbeat),
      signal: request.signal,
    })
  }

function messageIdOf(text: string): string | undefined {
  const body = JSON.parse(text) as { params?: { message?: { messageId?: unknown } } }
  const id = body.params?.message?.messageId
  return typeof id === 'string' ? id : undefined
}
