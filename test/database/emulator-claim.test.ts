// The claim of an embedded emulator on a database: refused while another one renews its claim, and taken over when it ended or was
// abandoned. Time is that of the test.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { readEmulatorId } from '../../functions/node/emulator-claim.ts'
import type { OpenDatabase } from '../../drizzle/database.ts'
import {
  claimEmulator,
  endEmulatorClaim,
  RENEWAL_MS,
  renewEmulatorClaim,
} from '../../lib/control-plane/emulator-claim.ts'
import { openTestDatabase } from '../support/database.ts'

const first = { id: 'first', url: 'http://127.0.0.1:4280' }
const second = { id: 'second', url: 'http://127.0.0.1:5280' }

let database: OpenDatabase
let time = Date.parse('2026-11-29T08:00:00Z')
/** What happens while a claim is watched, at each look. */
let meanwhile: () => Promise<void> = async () => {}
const contextOf = () => ({
  db: database.db,
  now: () => new Date(time),
  steady: () => time,
  log: () => {},
  async sleep(ms: number) {
    time += ms
    await meanwhile()
  },
})
beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  meanwhile = async () => {}
  await endEmulatorClaim(contextOf(), first)
  await endEmulatorClaim(contextOf(), second)
  await claimEmulator(contextOf(), first)
})

test('a database whose claim is renewed is refused to another emulator, with the address of the first', async () => {
  let renewed = time
  meanwhile = async () => {
    if (time - renewed < RENEWAL_MS) return
    renewed = time
    await renewEmulatorClaim(contextOf(), first)
  }
  await expect(claimEmulator(contextOf(), second)).rejects.toThrow(/at http:\/\/127\.0\.0\.1:4280.*share/)
  await renewEmulatorClaim(contextOf(), first)
})

test('the same emulator claims its database again at once', async () => {
  const before = time
  await claimEmulator(contextOf(), first)
  expect(time).toBe(before)
})

test('a claim that ended is free at once', async () => {
  await endEmulatorClaim(contextOf(), first)
  const before = time
  await claimEmulator(contextOf(), second)
  expect(time).toBe(before)
})

test('a claim that ends while it is watched is free, too', async () => {
  meanwhile = () => endEmulatorClaim(contextOf(), first)
  await claimEmulator(contextOf(), second)
  await expect(renewEmulatorClaim(contextOf(), first)).rejects.toThrow('http://127.0.0.1:5280')
})

test('an abandoned claim is taken over after several missed renewals, and its emulator is told when it comes back', async () => {
  const before = time
  await claimEmulator(contextOf(), second)
  expect(time - before).toBeGreaterThan(3 * RENEWAL_MS)
  await expect(renewEmulatorClaim(contextOf(), first)).rejects.toThrow('http://127.0.0.1:5280')
  await renewEmulatorClaim(contextOf(), second)
})

test('an emulator keeps its id with its files, and a copy of the files is another emulator', () => {
  const directory = mkdtempSync(join(tmpdir(), 'emulator-id-'))
  try {
    const id = readEmulatorId(join(directory, 'fly'))
    expect(readEmulatorId(join(directory, 'fly'))).toBe(id)
    cpSync(join(directory, 'fly'), join(directory, 'copy'), { recursive: true })
    expect(readEmulatorId(join(directory, 'copy'))).not.toBe(id)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
