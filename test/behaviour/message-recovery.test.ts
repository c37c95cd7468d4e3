// Stored messages after a crash of the control plane: leases decide what is sent again and what is reported as unknown.
import { sql } from 'drizzle-orm'
import { beforeAll, describe, expect, test } from 'vitest'
import { messages } from '../../drizzle/schema/index.ts'
import { releaseMessages } from '../../lib/messages/claim.ts'
import type { Harness } from '../support/harness.ts'
import { createGate, reply } from '../support/scripted-agent.ts'
import { MESSAGE_SETTINGS, messageClient } from '../support/stored-messages.ts'
import { useScriptedHarness } from '../support/scripted-harness.ts'

const { harness, scriptedAgent } = useScriptedHarness(MESSAGE_SETTINGS)

let h: Harness
let agent: string
const { create, send, sendUndelivered, read, stateOf, finished, rowOf, change } = messageClient(() => h)
beforeAll(async () => {
  h = harness()
  agent = await create()
})

const ago = (ms: number) => new Date(h.now().getTime() - ms)
/** By the clock of the database, as leases end. */
const inAMinute = sql`now() + interval '1 minute'`

describe('after a crash of the control plane', () => {
  test('a message that was being sent becomes unknown when the lease ends, and is never sent again', async () => {
    const path = await sendUndelivered(agent)
    await change(path, { state: 'sending', attempts: 1, sentAt: ago(1_000), leasedUntil: inAMinute })
    await h.deliver()
    expect(await stateOf(path)).toBe('sending')
    await change(path, { leasedUntil: sql`now()` })
    await h.deliver()
    expect((await read(path)).body).toMatchObject({
      state: 'unknown',
      failure: { reason: 'AGENT_CONNECTION_LOST', delivered: 'unknown' },
    })
    expect(scriptedAgent.arrivals).toEqual([])
  })

  test('a message that was leased but not sent is delivered when the lease ends', async () => {
    const path = await sendUndelivered(agent)
    await change(path, { attempts: 1, leasedUntil: inAMinute })
    await h.deliver()
    expect([await stateOf(path), scriptedAgent.arrivals]).toEqual(['queued', []])
    await change(path, { leasedUntil: sql`now()` })
    await h.deliver()
    expect((await read(path)).body).toMatchObject({ state: 'answered', attempts: 2 })
    expect(scriptedAgent.arrivals).toHaveLength(1)
  })

  test('a process whose clock is ahead leaves alone what another is sending or has claimed', async () => {
    const [taken, sending] = [await sendUndelivered(agent), await sendUndelivered(agent)]
    await change(taken, { attempts: 1, leasedUntil: inAMinute })
    await change(sending, { state: 'sending', attempts: 1, sentAt: ago(1_000), leasedUntil: inAMinute })
    h.advance(5 * 60_000)
    await h.deliver()
    expect([await stateOf(taken), await stateOf(sending)]).toEqual(['queued', 'sending'])
    expect(scriptedAgent.arrivals).toEqual([])
    await releaseMessages(h.db)
  })

  test('a restarted server releases the leases of its messages at once', async () => {
    const [taken, sending] = [await sendUndelivered(agent), await sendUndelivered(agent)]
    await change(taken, { attempts: 1, leasedUntil: inAMinute })
    await change(sending, { state: 'sending', attempts: 1, leasedUntil: inAMinute })
    await releaseMessages(h.db)
    await h.deliver()
    expect([await stateOf(taken), await stateOf(sending)]).toEqual(['answered', 'unknown'])
  })

  test('the lease of a message is renewed for as long as the agent works', async () => {
    const gate = createGate()
    scriptedAgent.answer = async (arrival) => {
      await gate.passed
      return reply(arrival)
    }
    const path = await send(agent)
    await expect.poll(() => stateOf(path)).toBe('sending')
    const leasedUntil = async () =>
      (await h.db.select().from(messages).where(rowOf(path)))[0]?.leasedUntil?.getTime()
    for (let minutes = 0; minutes < 3; minutes++) {
      const before = (await leasedUntil()) ?? Infinity
      h.advance(60_000)
      await expect.poll(leasedUntil).toBeGreaterThan(before)
      await h.deliver()
      expect(await stateOf(path)).toBe('sending')
    }
    gate.open()
    expect((await finished(path)).state).toBe('answered')
    expect(scriptedAgent.arrivals).toHaveLength(1)
  })

  test('a late response does not change a message that is already unknown', async () => {
    const gate = createGate()
    scriptedAgent.answer = async (arrival) => {
      await gate.passed
      return reply(arrival)
    }
    const path = await send(agent)
    await expect.poll(() => stateOf(path)).toBe('sending')
    await change(path, { leasedUntil: sql`now()` })
    await h.deliver()
    expect(await stateOf(path)).toBe('unknown')
    gate.open()
    await h.untilIdle()
    expect(await stateOf(path)).toBe('unknown')
  })
})
