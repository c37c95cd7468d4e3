// A create takes the lease of its workspace with the statement that stores it, and goes on with the row that it has. So that row
// must be the stored one, and a process that ends after it must not leave the workspace behind.
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { workspaces } from '../../drizzle/schema/index.ts'
import { type ClaimedWorkspace, renewLease } from '../../lib/lifecycle/queries.ts'
import { takeTurn } from '../../lib/reconcile/launch-pace.ts'
import { reconcileClaimed } from '../../lib/reconcile/reconcile-now.ts'
import { createWorkspace } from '../../lib/workspaces/create.ts'
import { CreateWorkspaceInput } from '../../lib/workspaces/workspace-input.ts'
import { createHarness, type Harness } from '../support/harness.ts'

let h: Harness
beforeEach(async () => {
  h = await createHarness({
    env: { SECRETS_ENCRYPTION_KEY: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=' },
  })
})
afterEach(() => h.close())

/** Stores a workspace, as a process does that ends before it reconciles. */
async function claim(input: object = {}): Promise<ClaimedWorkspace> {
  const parsed = CreateWorkspaceInput.parse({ name: 'w', runtime: 'hermes', disk_gb: 0, ...input })
  const { claimed } = await createWorkspace(h.services, parsed, { kind: 'admin' })
  if (claimed === undefined) throw new Error('it has no lease')
  return claimed
}

const stored = async (id: string) => {
  const [row] = await h.db.select().from(workspaces).where(eq(workspaces.id, id))
  return row
}

/** The rate of Fly, which other tests do without. */
const take = (row: ClaimedWorkspace, until: number) => {
  const { provisioner } = h.services
  const paced = { ...provisioner, launchRate: { perSecond: 1, burst: 2 } }
  return takeTurn({ ...h.services, provisioner: paced }, row, { until })
}

const statusOf = async (id: string) => (await stored(id))?.status

test.each([
  ['alone', 1],
  ['beside others', 5],
])('the row of a create %s is the stored one, with a lease', async (_, count) => {
  const input = {
    disk_gb: 2,
    labels: { team: 'red', area: 'ü' },
    env: { B: '1', A: '2' },
    config: { b: [1, { c: null }], a: 'x' },
    files: { 'notes.txt': 'hello' },
    secrets: { TOKEN: 'x' },
    regions: ['fra', 'ord'],
    tier: 3,
    idle_minutes: 5,
  }
  const rows = await Promise.all(
    Array.from({ length: count }, (_unused, at) => claim({ ...input, slug: `w-${at}` })),
  )
  expect(new Set(rows.map(({ leaseId }) => leaseId)).size).toBe(count)
  for (const row of rows) {
    const renewed = await renewLease(h.db, row)
    expect(renewed).toEqual({ ...row, leasedUntil: expect.any(Date) })
  }
})

test('an external workspace has no lease, because nothing is to be done', async () => {
  const input = CreateWorkspaceInput.parse({ name: 'w', runtime: 'external' })
  const { claimed, row } = await createWorkspace(h.services, input, { kind: 'admin' })
  expect(claimed).toBeUndefined()
  expect(await stored(row.id)).toMatchObject({ leaseId: null, leasedUntil: null, nextCheckAt: null })
})

test('a process that ends after a create delays the workspace by five seconds, and no more', async () => {
  const { id } = await claim()
  await h.sweep()
  expect(await statusOf(id)).toBe('provisioning')
  h.advance(6_000)
  await expect
    .poll(async () => {
      await h.sweep()
      return statusOf(id)
    })
    .toBe('ready')
})

test('a process that is ending releases the workspace that it has created', async () => {
  const row = await claim()
  await reconcileClaimed({ ...h.services, stopping: AbortSignal.abort() }, row)
  expect(await stored(row.id)).toMatchObject({
    leaseId: null,
    leasedUntil: null,
    nextCheckAt: row.nextCheckAt,
  })
})

test('a turn after the end of the run releases the workspace until then', async () => {
  const now = h.services.now().getTime()
  const rows = await Promise.all(Array.from({ length: 6 }, () => claim()))
  const turns = []
  for (const row of rows) turns.push(await take(row, now + 2_500))
  // Two at once, and one a second after them.
  expect(turns.map(({ isReleased }) => isReleased)).toEqual([false, false, false, false, true, true])
  for (const [at, row] of rows.entries()) {
    const turn = turns[at]
    const released = { leaseId: null, leasedUntil: null, nextCheckAt: turn?.at, attempts: 0 }
    expect(await stored(row.id)).toMatchObject({
      launchSlotAt: turn?.at,
      ...(turn?.isReleased === true ? released : { leaseId: row.leaseId, nextCheckAt: row.nextCheckAt }),
    })
  }
})

test('a late turn releases nothing when the workspace was changed meanwhile, or has another lease', async () => {
  const [changed, taken] = [await claim(), await claim()]
  const until = h.services.now().getTime()
  for (const _ of [1, 2, 3]) await take(await claim(), until)
  const later = new Date(until + 60_000)
  await h.db.update(workspaces).set({ nextCheckAt: later }).where(eq(workspaces.id, changed.id))
  expect(await take(changed, until)).toMatchObject({ isReleased: false })
  expect(await stored(changed.id)).toMatchObject({ leaseId: changed.leaseId, nextCheckAt: later })
  const other = crypto.randomUUID()
  await h.db.update(workspaces).set({ leaseId: other }).where(eq(workspaces.id, taken.id))
  expect((await take(taken, until)).at.getTime()).toBeGreaterThan(until + 1_000)
  expect(await stored(taken.id)).toMatchObject({ leaseId: other, nextCheckAt: taken.nextCheckAt })
})

test('a turn that has come is used, even at the end of the run, and extends the lease', async () => {
  const row = await claim()
  const leaseSeconds = async () => (Number((await stored(row.id))?.leasedUntil) - Date.now()) / 1_000
  expect(await leaseSeconds()).toBeLessThan(6)
  const { isReleased } = await take(row, 0)
  expect(isReleased).toBe(false)
  expect(await leaseSeconds()).toBeGreaterThan(60)
})
