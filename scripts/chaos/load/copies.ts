// Users who take snapshots, restore workspaces to them, make new workspaces with a copy of a disk, and enlarge disks.
import type { Chance } from '../random.ts'
import { sleep } from '../random.ts'
import type { Acknowledged } from './acknowledged.ts'
import type { Client } from './client.ts'

const ACTS = { snapshot: 5, restore: 3, fork: 4, branch: 2, grow: 2 }

type Snapshot = { id: string; workspace: string; least: number }

/** A snapshot is taken, and a restored workspace is ready, within this time, in milliseconds of the run's clock; or never. */
const PATIENCE_MS = 60_000

type Shared = {
  client: Client
  chance: Chance
  acknowledged: Acknowledged
  /** The workspaces of the users of this control plane, to which copies are added. */
  known: string[]
  /** All snapshots that can be restored. */
  snapshots: Snapshot[]
}

/** @returns what it did, for the figures; undefined when it was refused or came to nothing */
export async function useCopies(
  { acknowledged, chance, client, known, snapshots }: Shared,
  workspace: string,
): Promise<'snapshots' | 'restores' | 'forks' | undefined> {
  const path = `/workspaces/${workspace}`
  const least = acknowledged.least.get(workspace) ?? 0
  const act = chance.weighed(ACTS)
  switch (act) {
    case 'snapshot':
      return (await takeSnapshot(least)) ? 'snapshots' : undefined
    case 'restore':
      return snapshots.length > 0 && (await restore(chance.pick(snapshots))) ? 'restores' : undefined
    case 'fork':
      return (await fork({ workspace }, least)) ? 'forks' : undefined
    case 'branch': {
      if (snapshots.length === 0) return undefined
      const snapshot = chance.pick(snapshots)
      return (await fork({ snapshot: snapshot.id }, snapshot.least)) ? 'forks' : undefined
    }
    case 'grow':
      await client.call('PATCH', path, { body: { disk_gb: chance.between(1, 4) } })
  }
  return undefined

  async function takeSnapshot(count: number): Promise<boolean> {
    const headers = { prefer: 'wait=20' }
    const answer = await client.call('POST', `${path}/snapshots`, { headers, isPatient: true })
    const { id, usable } = (answer?.body['snapshot'] ?? {}) as { id?: string | null; usable?: boolean }
    if (typeof id !== 'string' || usable !== true) return false
    snapshots.push({ id, workspace, least: count })
    return true
  }

  async function restore(snapshot: Snapshot): Promise<boolean> {
    const target = `/workspaces/${snapshot.workspace}`
    const before = await diskOf(target)
    const end = acknowledged.restoring(snapshot.workspace, snapshot.least)
    const body = { snapshot: snapshot.id }
    const answer = await client.call('POST', `${target}/restore`, { body, isPatient: true })
    // A refusal has changed nothing.
    if (answer !== undefined && answer.status >= 400 && answer.status < 500) {
      end(true)
      return false
    }
    if (answer?.status !== 200 || before === undefined) return false
    for (let waited = 0; waited < PATIENCE_MS; waited += 2_000) {
      await sleep(2_000)
      const { disk, status } = ((await client.call('GET', target))?.body ?? {}) as Seen
      const isNew = disk?.id !== undefined && disk.id !== before
      if (!isNew || status !== 'ready') continue
      end(true)
      return true
    }
    return false
  }

  async function diskOf(target: string): Promise<string | undefined> {
    return ((await client.call('GET', target))?.body as Seen | undefined)?.disk?.id
  }

  async function fork(from: { workspace: string } | { snapshot: string }, count: number): Promise<boolean> {
    const body = { name: 'chaos copy', from }
    const answer = await client.call('POST', '/workspaces', { body, isPatient: true })
    if (answer?.status !== 201) return false
    const id = String(answer.body['id'])
    acknowledged.copied(id, count)
    known.push(id)
    return true
  }
}

type Seen = { status?: string; disk?: { id?: string } | null }
