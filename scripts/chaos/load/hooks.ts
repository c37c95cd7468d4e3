// Senders of inbound webhooks: they sign as GitHub, Standard Webhooks and CI systems do, and repeat a delivery until it is
// accepted or refused for good. An accepted delivery must be a stored message that arrives once.
import { createHmac } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import type { ControlPlane } from '../control-plane.ts'
import type { Load, Violation } from '../parts.ts'
import type { Chance } from '../random.ts'
import { createClient } from './client.ts'

type Scheme = 'github' | 'standard' | 'bearer'
type Hook = { workspace: string; name: string; scheme: Scheme; secret: string }

/** Hooks of one control plane. */
const MOST_HOOKS = 24

/** Senders at the same time, and how often one repeats a delivery that is not accepted. */
const SENDERS = 3
const MOST_TRIES = 12

/** Reasons for which an accepted delivery may end without having been delivered. */
const MAY_FAIL = ['WORKSPACE_REMOVED', 'MESSAGE_EXPIRED']

const sign: Record<Scheme, (secret: string, delivery: string, body: string) => Record<string, string>> = {
  github: (secret, delivery, body) => ({
    'x-github-event': 'push',
    'x-github-delivery': delivery,
    'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
  }),
  standard: (secret, delivery, body) => {
    const at = new Date()
    return {
      'webhook-id': delivery,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign(delivery, at, body),
    }
  },
  bearer: (secret, delivery) => ({ authorization: `Bearer ${secret}`, 'idempotency-key': delivery }),
}

/** @param known workspaces of the control plane */
export function hooks(
  controlPlane: ControlPlane,
  chanceOf: (stream: string) => Chance,
  known: readonly string[],
): Load {
  const created: Hook[] = []
  /** By the id of the message that a delivery becomes. */
  const accepted = new Map<string, Hook>()
  let deliveries = 0
  return {
    name: 'hooks',
    async run(over) {
      await Promise.all(Array.from({ length: SENDERS }, (_, sender) => runSender(over, sender)))
    },
    wrong({ messages }) {
      const stored = new Map(messages.map((message) => [message.messageId, message]))
      return [...accepted].flatMap(([id, { workspace }]): Violation[] => {
        const message = stored.get(id)
        const lost = (what: string): Violation[] => [
          { kind: 'hook lost', workspace, what: `the delivery ${id} was accepted, and ${what}` },
        ]
        if (message === undefined) return lost('no message is stored')
        const { delivered, reason = '' } = message.failure ?? {}
        if (message.state === 'failed' && delivered === 'no' && !MAY_FAIL.includes(reason))
          return lost(`its message failed with ${reason}`)
        return []
      })
    },
    figures: () => ({ hooks: accepted.size }),
  }

  async function runSender(over: AbortSignal, sender: number): Promise<void> {
    const chance = chanceOf(`hooks ${controlPlane.name} ${sender}`)
    const { call } = createClient(controlPlane, chance)
    while (!over.aborted) {
      await chance.pause(500, 2_000)
      if (created.length < MOST_HOOKS && known.length > 0 && (created.length === 0 || chance.hit(0.2)))
        await create()
      else if (created.length > 0) await deliver(chance.pick(created))
    }

    async function create(): Promise<void> {
      const scheme = chance.pick(['github', 'standard', 'bearer'] as const)
      const name = `hook-${sender}-${created.length}`
      const path = `/workspaces/${chance.pick(known)}/hooks`
      const answer = await call('POST', path, { body: { name, scheme }, isPatient: true })
      if (answer?.status !== 201) return
      const { secret, workspace_id: workspace } = answer.body
      created.push({ workspace: String(workspace), name, scheme, secret: String(secret) })
    }

    /** Sends until it is accepted or refused for good, and sometimes once more. */
    async function deliver(hook: Hook): Promise<void> {
      const delivery = `${controlPlane.name}-${deliveries++}`
      const path = `/webhooks/workspaces/${hook.workspace}/${hook.name}`
      const body = JSON.stringify({ type: 'push', ref: 'refs/heads/main', delivery })
      let wanted = chance.hit(0.2) ? 2 : 1
      for (let tries = 0; tries < MOST_TRIES && wanted > 0 && !over.aborted; tries++) {
        const headers = sign[hook.scheme](hook.secret, delivery, body)
        const answer = await call('POST', path, { body, headers, isAnonymous: true })
        if (answer?.status === 202) {
          accepted.set(`${hook.name}:${delivery}`, hook)
          wanted--
        } else if (answer !== undefined && isFinal(answer.status)) {
          created.splice(created.indexOf(hook), 1)
          return
        } else await chance.pause(1_000, 5_000)
      }
    }
  }
}

/** A workspace that is gone. A paused or failed one, a fault and a wrong clock end. */
const isFinal = (status: number) => status === 404 || status === 410
