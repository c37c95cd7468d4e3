// The disks of /fleet: whose each one is and what it costs; and volumes with our name that are in no record, which are
// reported and kept.
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { disks as diskTable } from '../../drizzle/schema/index.ts'
import { newDisk } from '../../lib/disks/new-disk.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
const open = async (env: Record<string, string> = {}) => (h = await createHarness({ env }))
afterEach(() => h.close())

type FleetDisk = { kind: string; volume_id: string; disk_id: string | null; usd_per_month: number } & Json
type FleetBody = {
  disks: FleetDisk[]
  disk_totals: Record<string, Json>
  machines: Json[]
  snapshot_totals: Json
}
const fleet = async () => (await h.request<FleetBody>('/fleet')).body

async function flyVolume(method: string, path = '', body?: Json): Promise<Json & { id: string }> {
  const response = await h.emulator.api.fetch(
    new Request(`http://fly.test/v1/apps/test-app/volumes${path}`, {
      method,
      headers: { authorization: 'Bearer operator', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  )
  return (await response.json()) as Json & { id: string }
}

/** A volume with the name that a disk of this control plane would have. */
async function stray(): Promise<string> {
  const [owned] = (await fleet()).disks
  const { name } = await flyVolume('GET', `/${owned?.volume_id}`)
  const { id } = await flyVolume('POST', '', {
    name: `${String(name).slice(0, 10)}${'a'.repeat(16)}`,
    region: 'ord',
    size_gb: 2,
  })
  return id
}

const kindsOf = (disks: FleetDisk[]) =>
  Object.fromEntries(disks.map(({ kind, volume_id }) => [volume_id, kind]))

async function inventory(): Promise<void> {
  h.advance(11 * 60_000)
  await h.runRetention()
}

describe('the disks of the fleet', () => {
  test('owned, retained, orphaned and foreign disks are told apart, with sizes and prices', async () => {
    await open()
    const { id } = await h.createWorkspace({ disk_gb: 2 })
    const { id: removed } = await h.createWorkspace()
    await h.request(`/workspaces/${removed}?keep_disk=true`, { method: 'DELETE' })
    const orphan = await stray()
    const foreign = await flyVolume('POST', '', { name: 'data', region: 'ord', size_gb: 3 })
    const { disk_totals, disks } = await fleet()
    expect(kindsOf(disks)).toMatchObject({ [orphan]: 'orphan', [foreign.id]: 'foreign' })
    expect(disks.find(({ kind }) => kind === 'owned')).toMatchObject({
      workspace_id: id,
      size_gb: 2,
      usd_per_month: 0.3,
    })
    expect(disk_totals).toMatchObject({
      owned: { disks: 1, size_gb: 2, usd_per_month: 0.3 },
      retained: { disks: 1, size_gb: 1, usd_per_month: 0.15 },
      orphan: { disks: 1, size_gb: 2, usd_per_month: 0.3 },
      foreign: { disks: 1, size_gb: 3, usd_per_month: 0.45 },
      missing: { disks: 0 },
      attached_elsewhere: { disks: 0 },
    })
  })

  test('a stopped machine costs its root file system, and snapshots are counted', async () => {
    await open()
    const { id } = await h.createWorkspace()
    await h.request(`/workspaces/${id}/pause`, { method: 'POST', headers: { prefer: 'wait=20' } })
    await h.request(`/workspaces/${id}/snapshots`, { method: 'POST', headers: { prefer: 'wait=20' } })
    const { machines, snapshot_totals } = await fleet()
    expect(machines).toMatchObject([{ machine_state: 'stopped', usd_per_month: 0.15 }])
    expect(snapshot_totals).toMatchObject({ snapshots: 1, usd_per_month: 0 })
  })

  test('a disk that Fly no longer lists is missing, and a kept one becomes missing after two looks', async () => {
    await open()
    const { id } = await h.createWorkspace()
    const [owned] = (await fleet()).disks
    await h.request(`/workspaces/${id}?keep_disk=true`, { method: 'DELETE', headers: { prefer: 'wait=20' } })
    for (let tries = 0; tries < 100 && h.livingMachines().length > 0; tries++) {
      await Promise.race([h.untilIdle(), delay(50)])
      h.advance(1_000)
      await h.sweep({ patienceMs: 500 })
    }
    await flyVolume('DELETE', `/${owned?.volume_id}`)
    expect((await fleet()).disks).toMatchObject([{ kind: 'missing', disk_id: owned?.disk_id }])
    const stateOf = async () => (await h.request(`/disks/${owned?.disk_id}`)).body['state']
    await inventory()
    expect(await stateOf()).toBe('ready')
    await inventory()
    expect(await stateOf()).toBe('missing')
  })
})

test('disks that cannot be deleted do not keep others from being deleted', async () => {
  await open()
  // As many as a pass deletes, on hosts that do not answer.
  for (let n = 0; n < 10; n++) {
    const { id: volumeId } = await flyVolume('POST', '', { name: `stuck_${n}`, region: 'fra', size_gb: 1 })
    const disk = newDisk(crypto.randomUUID(), new Date(0), { sizeGb: 1, app: 'test-app', region: 'fra' })
    await h.db.insert(diskTable).values({ ...disk, workspaceId: null, state: 'deleting', volumeId })
  }
  for (const { host, region } of h.emulator.volumes())
    if (region === 'fra') h.emulator.faults.add({ kind: 'host-unreachable', host })
  const { id } = await h.createWorkspace({ region: 'ord' })
  const { body } = await h.request<{ kept_disks: string[] }>(`/workspaces/${id}?keep_disk=true`, {
    method: 'DELETE',
  })
  const [kept] = body.kept_disks
  for (let sweeps = 0; sweeps < 100 && h.livingMachines().length > 0; sweeps++) {
    await Promise.race([h.untilIdle(), delay(50)])
    h.advance(1_000)
    await h.sweep({ patienceMs: 500 })
  }
  await h.request(`/disks/${kept}`, { method: 'DELETE' })
  const stateOf = async () => (await h.request(`/disks/${kept}`)).body['state']
  for (let passes = 0; passes < 50 && (await stateOf()) !== 'gone'; passes++) await inventory()
  expect(await stateOf()).toBe('gone')
})

describe('orphaned disks', () => {
  test('a second volume with the name of a disk is an orphan', async () => {
    await open()
    await h.createWorkspace()
    const [owned] = (await fleet()).disks
    const { name } = await flyVolume('GET', `/${owned?.volume_id}`)
    const second = await flyVolume('POST', '', { name, region: 'ord', size_gb: 1 })
    expect(kindsOf((await fleet()).disks)).toEqual({
      [String(owned?.volume_id)]: 'owned',
      [second.id]: 'orphan',
    })
  })

  test('an orphaned disk is reported and kept', async () => {
    await open()
    await h.createWorkspace()
    const orphan = await stray()
    for (let passes = 0; passes < 4; passes++) await inventory()
    h.advance(365 * 86_400_000)
    await inventory()
    expect(kindsOf((await fleet()).disks)).toMatchObject({ [orphan]: 'orphan' })
  })

  test('an orphan disk is deleted after DELETE_ORPHAN_DISKS_AFTER_HOURS, and never by the pass that discovered it', async () => {
    await open({ DELETE_ORPHAN_DISKS_AFTER_HOURS: '1' })
    const { id } = await h.createWorkspace()
    const orphan = await stray()
    const foreign = await flyVolume('POST', '', { name: 'data', region: 'ord', size_gb: 1 })
    h.advance(48 * 3_600_000)
    await h.runRetention()
    expect(kindsOf((await fleet()).disks)).toHaveProperty(orphan)
    for (let passes = 0; passes < 3; passes++) await inventory()
    expect(kindsOf((await fleet()).disks)).toHaveProperty(orphan)
    for (let passes = 0; passes < 4; passes++) await inventory()
    const kinds = kindsOf((await fleet()).disks)
    expect(kinds).not.toHaveProperty(orphan)
    expect(kinds).toHaveProperty(foreign.id, 'foreign')
    expect((await h.request(`/workspaces/${id}`)).body).toMatchObject({ disk: { state: 'ready' } })
    const { body } = await h.request<{ events: Json[] }>('/events?types=orphan_disk_deleted')
    expect(body.events).toHaveLength(1)
  })

  test('a disk that is being created is no orphan', async () => {
    await open({ DELETE_ORPHAN_DISKS_AFTER_HOURS: '1' })
    h.emulator.faults.add({ kind: 'ambiguous', action: 'volume.create', status: 504, times: 1 })
    await h.request('/workspaces', { method: 'POST', json: { name: 'x' } })
    await Promise.race([h.untilIdle(), delay(500)])
    expect((await fleet()).disks.map(({ kind }) => kind)).toEqual(['owned'])
    await inventory()
    expect((await fleet()).disk_totals['orphan']).toMatchObject({ disks: 0 })
  })

  test('a volume that appears after its disk was given up is deleted', async () => {
    await open()
    await h.createWorkspace()
    const [owned] = (await fleet()).disks
    const { name } = await flyVolume('GET', `/${owned?.volume_id}`)
    // Its create is answered by 504, and nothing is created yet.
    h.emulator.faults.add({ kind: 'answer', action: 'volume.create', status: 504 })
    const { body: lost } = await h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      json: { name: 'lost' },
    })
    await Promise.race([h.untilIdle(), delay(500)])
    const { body: all } = await h.request<{ id: string; made_for: string }[]>('/disks')
    const disk = all.find(({ made_for }) => made_for === lost.id)?.id ?? ''
    await h.request(`/workspaces/${lost.id}`, { method: 'DELETE' })
    await expect
      .poll(async () => {
        h.advance(60_000)
        await h.sweep()
        return (await h.request(`/disks/${disk}`)).body['state']
      })
      .toBe('gone')
    h.emulator.faults.clear()
    // Fly carries the create out after all.
    const late = await flyVolume('POST', '', {
      name: `${String(name).slice(0, 10)}${disk.slice('disk_'.length)}`,
      region: 'ord',
      size_gb: 1,
    })
    for (let passes = 0; passes < 3; passes++) await inventory()
    expect(kindsOf((await fleet()).disks)).not.toHaveProperty(late.id)
    expect((await h.request(`/disks/${disk}`)).body).toMatchObject({ state: 'gone', volume_id: late.id })
  })
})
