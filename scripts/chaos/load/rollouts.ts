// An operator who rolls out new images, good and crashing ones, and halts, resumes and rolls back rollouts. Each must end, and
// no workspace may be ready on an image that crashes.
import type { ControlPlane } from '../control-plane.ts'
import type { Load, Violation } from '../parts.ts'
import type { Chance } from '../random.ts'
import type { World } from '../world.ts'
import { createClient, type Json } from './client.ts'

/** How often the last commands are repeated until they are answered. */
const MOST_TRIES = 20

export function rollouts(controlPlane: ControlPlane, { digests, runtimes }: World, chance: Chance): Load {
  const { call } = createClient(controlPlane, chance)
  return {
    name: 'rollouts',
    async run(over) {
      while (!over.aborted) {
        await chance.pause(4_000, 12_000)
        if (over.aborted) break
        if (chance.hit(0.6)) await start()
        else await command(chance.weighed({ halt: 2, resume: 3, rollback: 1 }))
      }
      await endHalted()
    },
    open: ({ rollouts: rows, rolloutWorkspaces }) => [
      ...rows
        .filter(({ state }) => state === 'running' || state === 'rolling_back')
        .map(({ id, state }) => stuck(`rollout ${id} is still ${state}`)),
      ...rolloutWorkspaces
        .filter(({ state }) => state === 'updating' || state === 'restoring')
        .map(({ rolloutId, state, workspaceId }) =>
          stuck(`it is still ${state} in the rollout ${rolloutId}`, workspaceId),
        ),
    ],
    wrong: ({ machines, rollouts: rows, rows: workspaces }) => {
      const crashing = new Set(
        machines.filter(({ image }) => image.endsWith(digests.crashing)).map(({ id }) => id),
      )
      return [
        ...rows
          .filter(({ reason, state }) => state !== 'completed' && !reason?.code)
          .map(({ id, state }): Violation => ({
            kind: 'unexplained',
            what: `rollout ${id} is ${state} without a reason`,
          })),
        ...workspaces
          .filter(({ machineId, status }) => status === 'ready' && crashing.has(machineId ?? ''))
          .map(({ id }): Violation => ({
            kind: 'unexplained',
            workspace: id,
            what: 'it is ready on an image that crashes',
          })),
      ]
    },
    figures: ({ rollouts: rows }) => ({ rollouts: rows.length }),
  }

  async function start(): Promise<void> {
    const digest = chance.hit(0.25) ? digests.crashing : chance.pick(digests.good)
    await call('POST', '/rollouts', {
      body: {
        runtime: chance.pick(runtimes),
        digest,
        tranches: [1, '50%'],
        max_failures: chance.pick([0, 3, 100]),
        ready_seconds: 30,
        watch_seconds: 2,
        busy_seconds: 5,
        when_busy: chance.pick(['skip', 'restart']),
      },
    })
  }

  async function command(name: string, isPatient = false): Promise<boolean> {
    const listed = await call('GET', '/rollouts', { isPatient })
    if (listed?.status !== 200) return false
    const all = (listed.body['rollouts'] ?? []) as Json[]
    const wanted = name === 'resume' || isPatient ? ['halted'] : ['running', 'halted']
    const chosen = all.filter(({ state }) => wanted.includes(String(state)))
    const answers = await Promise.all(
      (isPatient ? chosen : chosen.slice(0, 1)).map(({ id }) =>
        call('POST', `/rollouts/${String(id)}/${name}`, { isPatient }),
      ),
    )
    return answers.every((answer) => answer !== undefined && answer.status < 500)
  }

  /** A halted rollout waits for a person. */
  async function endHalted(): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      if (await command('rollback', true)) return
      await chance.pause(1_000, 3_000)
    }
  }
}

const stuck = (what: string, workspace?: string): Violation => ({ kind: 'rollout stuck', workspace, what })
