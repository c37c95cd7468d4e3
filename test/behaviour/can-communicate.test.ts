// Which workspaces may talk to each other: our SQL statement is compared with Molecule's rule, implemented word by word.
import { eq } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { workspaces } from '../../drizzle/schema/index.ts'
import { canCommunicate } from '../../lib/registry/can-communicate.ts'
import { createHarness, type Harness } from '../support/harness.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())

type Member = { id: string; parent: string | null; removed: boolean }

/** The rule of docs/facts/molecule.md §2.6, word by word. */
function naive(family: Map<string, Member>, caller: string, target: string): boolean {
  const [a, b] = [family.get(caller), family.get(target)]
  if (a === undefined || b === undefined || a.removed || b.removed) return false
  if (a.id === b.id) return true
  if (a.parent === b.parent) return true
  return isAbove(family, a.id, b) || isAbove(family, b.id, a)
}

function isAbove(family: Map<string, Member>, ancestor: string, member: Member): boolean {
  let parent = member.parent
  for (let step = 0; step < 32 && parent !== null; step++) {
    if (parent === ancestor) return true
    parent = family.get(parent)?.parent ?? null
  }
  return false
}

/** Stores workspaces whose parents are given by index; an index without a member is a root. Cycles are possible. */
async function plant(parents: number[], removed: number[] = []): Promise<Map<string, Member>> {
  const ids = parents.map(() => crypto.randomUUID())
  const members = parents.map((parent, at) => ({
    id: ids[at] ?? '',
    parent: ids[parent] ?? null,
    removed: removed.includes(at),
  }))
  const now = h.now()
  await h.db.insert(workspaces).values(
    members.map(({ id, removed }) => ({
      id,
      name: 'member',
      runtime: 'langgraph',
      tier: 2,
      regions: ['ord'],
      status: removed ? ('removed' as const) : ('ready' as const),
      statusChangedAt: now,
      createdAt: now,
      updatedAt: now,
    })),
  )
  // Parents are set afterwards, because a cycle has no first member.
  for (const { id, parent } of members) {
    if (parent !== null) await h.db.update(workspaces).set({ parentId: parent }).where(eq(workspaces.id, id))
  }
  return new Map(members.map((member) => [member.id, member]))
}

async function compare(family: Map<string, Member>): Promise<void> {
  const names = [...family.keys(), crypto.randomUUID()]
  for (const caller of names) {
    for (const target of names) {
      const allowed = await canCommunicate(h.db, caller, target)
      expect([caller, target, allowed]).toEqual([caller, target, naive(family, caller, target)])
    }
  }
}

test("two workspaces of a tree of four generations may talk exactly when Molecule's rule allows it", async () => {
  //   0        6
  //   ├─ 1     └─ 7
  //   │  ├─ 3
  //   │  │  └─ 5
  //   │  └─ 4 (removed)
  //   └─ 2
  const family = await plant([-1, 0, 0, 1, 1, 3, -1, 6], [4])
  await compare(family)
  const ids = [...family.keys()]
  const talk = (a: number, b: number) => canCommunicate(h.db, ids[a] ?? '', ids[b] ?? '')
  const table: [number, number, boolean][] = [
    [5, 5, true],
    [0, 6, true],
    [1, 2, true],
    [0, 5, true],
    [5, 0, true],
    [2, 3, false],
    [3, 2, false],
    [5, 2, false],
    [0, 7, false],
    [6, 7, true],
    [3, 4, false],
    [4, 4, false],
    [4, 0, false],
  ]
  for (const [a, b, allowed] of table) expect([a, b, await talk(a, b)]).toEqual([a, b, allowed])
})

test("two workspaces of any tree, with cycles and removed members, may talk exactly when Molecule's rule allows it", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: -1, max: 5 }), { minLength: 1, maxLength: 6 }),
      fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 2 }),
      async (parents, removed) => compare(await plant(parents, removed)),
    ),
    { numRuns: 30 },
  )
})

describe('a tree deeper than allowed', () => {
  test('the search for an ancestor ends after 32 steps', async () => {
    const family = await plant(Array.from({ length: 36 }, (_, at) => at - 1))
    const ids = [...family.keys()]
    const talk = (a: number, b: number) => canCommunicate(h.db, ids[a] ?? '', ids[b] ?? '')
    expect(await talk(0, 32)).toBe(true)
    expect(await talk(32, 0)).toBe(true)
    expect(await talk(0, 33)).toBe(false)
    expect(await talk(33, 0)).toBe(false)
  })
})
