// Agents that hand tasks to each other: each accepted delegation must end, and its task arrive at most once.
import { isWaiting } from '../checks/messages.ts'
import type { Remains } from '../checks/remains.ts'
import type { ControlPlane } from '../control-plane.ts'
import type { Load, Violation } from '../parts.ts'
import type { Chance } from '../random.ts'
import type { World } from '../world.ts'
import { createClient } from './client.ts'

/** How often a request is repeated, with its key, until an answer comes. */
const MOST_TRIES = 8

/** @param known workspaces of the control plane */
export function delegations(
  controlPlane: ControlPlane,
  world: World,
  chance: Chance,
  known: readonly string[],
): Load {
  const { call } = createClient(controlPlane, chance)
  const accepted = new Set<string>()
  let count = 0
  return {
    name: 'delegations',
    async run(over) {
      while (!over.aborted) {
        await chance.pause(500, 2_500)
        if (known.length > 1) await delegate(over)
      }
    },
    open: (remains) => remains.delegations.flatMap(stillOpen(remains)),
    wrong: (remains) => [
      ...remains.delegations.flatMap(wrongEnd(remains, world)),
      ...[...accepted]
        .filter((id) => !remains.delegations.some((row) => row.id === id))
        .map((id): Violation => ({ kind: 'lost', what: `delegation ${id} was accepted, and is not stored` })),
    ],
    figures: (remains) => ({ delegations: remains.delegations.length }),
  }

  async function delegate(over: AbortSignal): Promise<void> {
    const path = `/workspaces/${chance.pick(known)}/delegate`
    const key = `d-${controlPlane.name}-${count++}`
    const body = { target_id: chance.pick(known), task: `Task ${key}`, idempotency_key: key }
    for (let tries = 0; tries < MOST_TRIES && !over.aborted; tries++) {
      const answer = await call('POST', path, { body })
      if (answer !== undefined) {
        if (answer.status === 202 || answer.status === 200) accepted.add(String(answer.body['delegation_id']))
        return
      }
      await chance.pause(500, 2_000)
    }
  }
}

type Row = Remains['delegations'][number]

const messageOf = ({ messages }: Remains, { message }: Row) => messages.find(({ id }) => id === message)

const stillOpen =
  (remains: Remains) =>
  (row: Row): Violation[] => {
    if (row.status !== 'delegated') return []
    const message = messageOf(remains, row)
    const status = remains.rows.find(({ id }) => id === row.targetId)?.status
    if (message !== undefined && isWaiting(message, status)) return []
    const what = `delegation ${row.id} is still delegated, and its message is ${message?.state ?? 'gone'}`
    return [{ kind: 'delegation stuck', workspace: row.targetId, what }]
  }

/** A delegation that ended otherwise than its message. */
const wrongEnd =
  (remains: Remains, { arrivals }: World) =>
  (row: Row): Violation[] => {
    const message = messageOf(remains, row)
    const wrong = (what: string): Violation[] => [
      { kind: 'misreported', workspace: row.targetId, what: `delegation ${row.id} ${what}` },
    ]
    if (message === undefined) return []
    const times = arrivals.get(message.messageId) ?? 0
    if (row.status === 'completed' && (message.state !== 'answered' || times !== 1))
      return wrong(`is completed, and its message is ${message.state} and arrived ${times} times`)
    if (row.status === 'failed' && ['queued', 'sending'].includes(message.state))
      return wrong(`has failed, and its message is ${message.state}`)
    return []
  }
