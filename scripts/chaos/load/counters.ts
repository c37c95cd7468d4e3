// Work that must not be lost: agents count on their disks when they are asked to, and each answer is an acknowledgement.
import { unsettledDisks, wrongDisks } from '../checks/disks.ts'
import type { Cloud } from '../cloud.ts'
import type { ControlPlane } from '../control-plane.ts'
import { volumePrefix } from '../../../lib/disks/disk-names.ts'
import type { Load } from '../parts.ts'
import type { Chance } from '../random.ts'
import { type Client, createClient } from './client.ts'

/** How many ask at the same time. */
const COUNTERS = 4

/** @param known the workspaces of the users of this control plane */
export function counters(
  controlPlane: ControlPlane,
  cloud: Cloud,
  chance: (stream: string) => Chance,
  known: readonly string[],
): Load {
  const acknowledged = new Map<string, number>()
  let prefix = ''
  let answers = 0
  const evidence = () => ({
    prefix,
    acknowledged,
    volumes: cloud.emulator.volumes(),
    counterOf: (volume: string) => Number(cloud.disks.filesOf(volume).get('counter') ?? 0),
  })
  return {
    name: 'counters',
    async run(over) {
      prefix = await volumePrefix(controlPlane.id)
      const work = async (turn: number) => {
        const stream = chance(`counters ${controlPlane.name} ${turn}`)
        const client = createClient(controlPlane, stream)
        while (!over.aborted) {
          await stream.pause(100, 1_500)
          if (known.length === 0 || over.aborted) continue
          const workspace = await pickAwake(client, stream, known)
          const count = await askToCount(
            client,
            workspace,
            `count-${controlPlane.name}-${crypto.randomUUID()}`,
          )
          if (count === undefined) continue
          answers++
          acknowledged.set(workspace, Math.max(count, acknowledged.get(workspace) ?? 0))
        }
      }
      await Promise.all(Array.from({ length: COUNTERS }, (_, turn) => work(turn)))
    },
    open: (remains) => unsettledDisks(remains, evidence()),
    wrong: (remains) => wrongDisks(remains, evidence()),
    figures: ({ disks }) => ({ counted: answers, disks: disks.length }),
  }
}

/** Mostly a workspace whose agent can answer. */
async function pickAwake({ call }: Client, stream: Chance, known: readonly string[]): Promise<string> {
  for (let tries = 0; tries < 3; tries++) {
    const workspace = stream.pick(known)
    const status = (await call('GET', `/workspaces/${workspace}`))?.body['status']
    if (['ready', 'degraded', 'hibernated'].includes(String(status))) return workspace
  }
  return stream.pick(known)
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
