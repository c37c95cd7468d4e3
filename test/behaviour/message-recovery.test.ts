// Stored messages after a crash of the control plane: leases decide what is sent again and what is reported as unknown.
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

describe('after a crash of the control plane', () => {
  test('a message that was being sent becomes unknown when the lease ends, and is never sent again', async () => {
    const path = await sendUndelivered(agent)
    await change(path, { state: 'sending', attempts: 1, sentAt: ago(1_000), leasedUntil: ago(-60_000) })
    await h.deliver()
    expect(await stateOf(path)).toBe('sending')
    h.advance(61_000)
    await h.deliver()
    expect((await read(path)).body).toMatchObject({
      state: 'unknown',
      failure: { reason: 'AGENT_CONNECTION_LOST', delivered: 'unknown' },
    })
    expect(scriptedAgent.arrivals).toEqual([])
  })

  test('a message that was leased but not sent is delivered when the lease ends', async () => {
    const path = await sendUndelivered(agent)
    await change(path, { attempts: 1, leasedUntil: ago(-60_000) })
    await h.deliver()
    expect([await stateOf(path), scriptedAgent.arrivals]).toEqual(['queued', []])
    h.advance(61_000)
    await h.deliver()
    expect((await read(path)).body).toMatchObject({ state: 'answered', attempts: 2 })
    expect(scriptedAgent.arrivals).toHaveLength(1)
  })

  test('a restarted server releases the leases of its messages at once', async () => {
    const [taken, sending] = [await sendUndelivered(agent), await sendUndelivered(agent)]
    await change(taken, { attempts: 1, leasedUntil: ago(-60_000) })
    await change(sending, { state: 'sending', attempts: 1, leasedUntil: ago(-60_000) })
    await releaseMessages(h.db, h.now())
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
    for (let minutes = 0; minutes < 3; minutes++) {
      h.advance(60_000)
      const until = h.now().getTime() + 60_000
      await expect
        .poll(async () => (await h.db.select().from(messages).where(rowOf(path)))[0]?.leasedUntil?.getTime())
        .toBeGreaterThan(until)
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
    await change(path, { leasedUntil: ago(1_000) })
    await h.deliver()
    expect(await stateOf(path)).toBe('unknown')
    gate.open()
    await h.untilIdle()
    expect(await stateOf(path)).toBe('unknown')
  })
})
