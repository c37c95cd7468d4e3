// What a chaos run leaves: reads the rows, events, stored messages and machines, and waits until everything is at rest.
import { sleep } from './random.ts'
import type { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import * as schema from '../../drizzle/schema/index.ts'
import type { Cloud } from './cloud.ts'
import type { StoredEvent } from './history.ts'
import { type Remains, unsettled, type Violation } from './invariants.ts'

type Look = () => Promise<Remains>

export async function remainsOf(
  db: ReturnType<typeof connectPostgres>['db'],
  cloud: Cloud | undefined,
  controlPlane: string,
): Promise<Remains> {
  const events = new Map<string, StoredEvent[]>()
  const rows = await db.select().from(schema.workspaces)
  const { failure, messageId, state, workspaceId: of } = schema.messages
  const messages = await db.select({ failure, messageId, state, workspaceId: of }).from(schema.messages)
  for (const event of await db.select().from(schema.events).orderBy(schema.events.seq)) {
    const { generation, workspaceId } = event
    if (generation === null || workspaceId === null) continue
    events.set(workspaceId, [...(events.get(workspaceId) ?? []), { ...event, generation }])
  }
  return { rows, events, machines: cloud?.emulator.machines() ?? [], messages, controlPlane, now: new Date() }
}

/** Looks every second until nothing is open twice in a row, or the time is over. */
export async function settle(
  look: Look,
  seconds: number,
  report: (line: string) => void,
): Promise<{ settledAfter: number | undefined; open: Violation[] }> {
  const begun = Date.now()
  let calm = 0
  for (let looks = 1; ; looks++) {
    const open = unsettled(await look())
    calm = open.length === 0 ? calm + 1 : 0
    const elapsed = Math.round((Date.now() - begun) / 1000)
    if (calm === 2) return { settledAfter: elapsed, open }
    if (elapsed >= seconds) return { settledAfter: undefined, open }
    if (looks % 10 === 0)
      report(
        `after ${elapsed} s, ${open.length} things are not settled: ${open[0]?.workspace ?? ''} ${open[0]?.what ?? ''}`,
      )
    await sleep(1_000)
  }
}

/** Foreign machines that were changed, although the operator of the run changes none. */
export async function touchedForeigners(cloud: Cloud, foreign: string[]): Promise<Violation[]> {
  const violations: Violation[] = []
  for (const id of foreign) {
    const app = cloud.emulator.machines().find((machine) => machine.id === id)?.app ?? ''
    cloud.emulator.faults.add({ kind: 'rate-limits', on: false })
    const { body } = await cloud.operate('GET', `${app}/machines/${id}`)
    const { events = [] } = (body ?? {}) as { events?: { type: string; source: string }[] }
    for (const { type, source } of events) {
      if (source === 'user' && type !== 'launch' && type !== 'start')
        violations.push({ kind: 'unexplained', what: `foreign machine ${id} met a ${type}` })
    }
  }
  return violations
}
