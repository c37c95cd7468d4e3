// Rollouts in tests: images by their digit, some of which do not work, and functions that start, command and read a rollout.
import { setTimeout as delay } from 'node:timers/promises'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { createHarness, type Harness, type Json } from './harness.ts'

export const REPOSITORY = 'ghcr.io/molecule-ai/workspace-hermes'
export const digest = (digit: string) => `sha256:${digit.repeat(64)}`

export const image = (digit: string) => `${REPOSITORY}@${digest(digit)}`
export const CRASHING = 'c'
export const DEAF = 'd'
export const DYING = 'e'

const crash: Program = async () => 3
const deaf: Program = ({ stopping }) =>
  new Promise((resolve) => stopping.addEventListener('abort', () => resolve(0)))

export type Rollout = Json & {
  id: string
  state: string
  image: string
  previous_image: string
  tranche: number
  reason: { code: string; message: string } | null
  counts: Record<string, number>
  workspaces: { workspace_id: string; state: string; tranche: number; reason: Json | null }[]
}

export const openRolloutHarness = (
  env: Record<string, string> = {},
  programs: Record<string, Program> = {},
) =>
  createHarness({
    env,
    programs: {
      [image(CRASHING)]: crash,
      [image(DEAF)]: deaf,
      [image(DYING)]: sampleAgent,
      ...programs,
    },
  })

/** Workspaces in the order of a rollout: the oldest first. */
export const fleetOf = async (h: Harness, size: number) => {
  const made = await Promise.all(
    Array.from({ length: size }, (_, at) => h.createWorkspace({ name: `ws ${at}` })),
  )
  const key = ({ created_at, id }: Json) => `${String(created_at)} ${String(id)}`
  return made.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}

export const start = (h: Harness, json: Json) =>
  h.request<Rollout>('/rollouts', { method: 'POST', json: { runtime: 'hermes', ...json } })

export const command = (h: Harness, id: string, name: string) =>
  h.request<Rollout>(`/rollouts/${id}/${name}`, { method: 'POST' })

export const read = async (h: Harness, id: string) => (await h.request<Rollout>(`/rollouts/${id}`)).body
export const statusOf = async (h: Harness, id: string) =>
  (await h.request(`/workspaces/${id}`)).body['status']

export const imageOf = async (h: Harness, id: string) => (await h.machineOf(id)).config.image
export const imagesOf = async (h: Harness, ids: { id: string }[]) =>
  Promise.all(ids.map(({ id }) => imageOf(h, id)))

export const runtimeOf = async (h: Harness) => {
  const { body } = await h.request<{ runtimes: (Json & { runtime: string; image: string })[] }>('/rollouts')
  return body.runtimes.find(({ runtime }) => runtime === 'hermes')
}

/** Sweeps and advances the clock until the condition holds. */
export async function until(h: Harness, id: string, reached: (rollout: Rollout) => boolean, stepMs = 5_000) {
  for (let sweeps = 0; sweeps < 60; sweeps++) {
    // Work that a request left running may follow a workspace for long; it ends when the clock moves below.
    await Promise.race([h.untilIdle(), delay(2_000)])
    const rollout = await read(h, id)
    if (reached(rollout)) return rollout
    h.advance(stepMs)
    await h.sweep({ patienceMs: 500 })
  }
  throw new Error(`the rollout stays at ${JSON.stringify(await read(h, id))}`)
}

export const ended = ({ state }: Rollout) => state === 'completed' || state === 'rolled_back'
