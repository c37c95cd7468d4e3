// Work that must not be lost: agents count on their disks when they are asked to, and each answer is an acknowledgement. Meanwhile
// disks are copied, restored and enlarged (copies.ts).
import { unsettledDisks, wrongDisks } from '../checks/disks.ts'
import type { ControlPlane } from '../control-plane.ts'
import { volumePrefix } from '../../../lib/disks/disk-names.ts'
import type { Load } from '../parts.ts'
import type { Chance } from '../random.ts'
import type { World } from '../world.ts'
import { createAcknowledged } from './acknowledged.ts'
import { type Client, createClient } from './client.ts'
import { useCopies } from './copies.ts'

/** How many ask at the same time. */
const COUNTERS = 4

/** @param known the workspaces of the users of this control plane, to which copies are added */
export function counters(
  controlPlane: ControlPlane,
  world: World,
  chance: (stream: string) => Chance,
  known: string[],
): Load {
  const acknowledged = createAcknowledged()
  const snapshots: Parameters<typeof useCopies>[0]['snapshots'] = []
  const did = { counted: 0, snapshots: 0, restores: 0, forks: 0 }
  let prefix = ''
  return {
    name: 'counters',
    async run(over) {
      prefix = await volumePrefix(controlPlane.id)
      const work = async (turn: number) => {
        const stream = chance(`counters ${controlPlane.name} ${turn}`)
        const client = createClient(controlPlane, stream)
        while (!over.aborted) {
          await stream.pause(100, 1_500)
          const workspace = over.aborted ? undefined : await pickAwake(client, stream, known)
          if (workspace === undefined) continue
          if (stream.hit(0.12)) {
            const done = await useCopies(
              { acknowledged, chance: stream, client, known, snapshots },
              workspace,
            )
            if (done !== undefined) did[done]++
            continue
          }
          const answered = acknowledged.asking(workspace)
          const id = `count-${controlPlane.name}-${crypto.randomUUID()}`
          const count = await askToCount(client, workspace, id)
          if (count === undefined) continue
          did.counted++
          answered(count)
        }
      }
      await Promise.all(Array.from({ length: COUNTERS }, (_, turn) => work(turn)))
    },
    open: (remains) => unsettledDisks(remains, prefix),
    wrong: (remains) =>
      wrongDisks(remains, { prefix, acknowledged: acknowledged.least, counterOf: world.counterOf }),
    figures: ({ disks }) => ({ ...did, disks: disks.length }),
  }
}

/** Mostly a workspace whose agent can answer; undefined while there is none. */
async function pickAwake(
  { call }: Client,
  stream: Chance,
  known: readonly string[],
): Promise<string | undefined> {
  for (let tries = 0; tries < 3 && known.length > 0; tries++) {
    const workspace = stream.pick(known)
    const status = (await call('GET', `/workspaces/${workspace}`))?.body['status']
    if (['ready', 'degraded', 'hibernated'].includes(String(status))) return workspace
  }
  // Users may have removed the last one meanwhile.
  return known.length === 0 ? undefined : stream.pick(known)
}

/** @returns the counter that the agent acknowledged; undefined without an acknowledgement */
async function askToCount({ call }: Client, workspace: string, id: string): Promise<number | undefined> {
  const message = { role: 'user', messageId: id, parts: [{ kind: 'text', text: 'count' }] }
  const body = { jsonrpc: '2.0', id, method: 'message/send', params: { message } }
  const answer = await call('POST', `/workspaces/${workspace}/a2a`, { body, isMessage: true })
  const { result } = (answer?.body ?? {}) as { result?: { parts?: { text?: string }[] } }
  const [, count] = /^Count: (\d+)$/.exec(result?.parts?.[0]?.text ?? '') ?? []
  return count === undefined ? undefined : Number(count)
}
