import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PROBE_TIMEOUT_MS } from '../../lib/reconcile/probe-agent.ts'
import {
  type SubrequestBudget,
  SubrequestBudgetExceeded,
  createBudget,
  UNLIMITED,
  withBudget,
} from '../../lib/platform/subrequest-budget.ts'
import { parseConfig } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'
import { REQUEST_CUT_MS, REQUEST_RECONCILE_MS } from '../../lib/reconcile/reconcile-now.ts'

const now = () => new Date()

const trySpend = (budget: SubrequestBudget): boolean => {
  try {
    budget.spend()
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(SubrequestBudgetExceeded)
    return false
  }
}

describe('a budget', () => {
  test('a budget is never exceeded, however it is shared and returned', () => {
    const action = fc.record({
      do: fc.constantFrom('spend', 'share', 'end', 'close'),
      who: fc.nat(20),
      least: fc.nat(30),
      most: fc.nat(60),
      reserve: fc.nat(3),
    })
    fc.assert(
      fc.property(fc.nat(100), fc.array(action, { maxLength: 100 }), (requests, actions) => {
        const budgets = [createBudget(requests, now, { reserve: Math.min(2, requests) })]
        let spent = 0
        for (const { do: verb, least, most, reserve, who } of actions) {
          const budget = budgets[who % budgets.length] ?? UNLIMITED
          if (verb === 'spend' && trySpend(budget)) spent++
          if (verb === 'end') budget.end()
          if (verb === 'close') budget.close()
          const share =
            verb === 'share' ? budget.share(least, { most, reserve: Math.min(reserve, least) }) : undefined
          if (share !== undefined) budgets.push(share)
        }
        for (const budget of budgets) {
          budget.close()
          while (trySpend(budget)) spent++
        }
        expect(spent).toBeLessThanOrEqual(requests)
      }),
    )
  })

  test('a budget that refused one request refuses all until its reserve is opened', () => {
    const budget = createBudget(10, now, { reserve: 1 })
    const share = budget.share(9)
    expect(trySpend(budget)).toBe(false)
    share?.end()
    expect(trySpend(budget)).toBe(false)
    expect(budget.left()).toBe(0)
    budget.close()
    expect(trySpend(budget)).toBe(true)
  })

  test('a late budget allows no new work and lets running work continue', () => {
    let at = 0
    const budget = createBudget(10, () => new Date(at), { until: 100 })
    expect(budget.left()).toBe(10)
    at = 100
    expect(budget.left()).toBe(0)
    expect(budget.share(1)).toBeUndefined()
    expect(trySpend(budget)).toBe(true)
  })

  test('an unlimited budget never refuses', () => {
    expect(UNLIMITED.share(1_000)).toBe(UNLIMITED)
  })
})

describe('work after an answer', () => {
  test('background work ends within the 30 s of Workers, with time for a probe and the last statements', () => {
    expect(REQUEST_RECONCILE_MS + PROBE_TIMEOUT_MS).toBeLessThan(REQUEST_CUT_MS)
    expect(REQUEST_CUT_MS).toBeLessThanOrEqual(28_000)
  })

  test('background work does not wait for a call that hangs', async () => {
    const config = parseConfig({})
    const db = {} as never
    const database = { db, driver: 'neon' as const, counted: () => db, close: () => Promise.resolve() }
    const services = createServices(config, database, {
      fetch: (_, init) =>
        new Promise((_, reject) =>
          init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)),
        ),
      log: () => {},
    })
    const budget = createBudget(5, now, { cutAt: Date.now() + 20 })
    const { origin } = new URL(config.fly.apiUrl)
    await expect(withBudget(services, budget).fetch(origin)).rejects.toMatchObject({ name: 'TimeoutError' })
    expect(budget.left()).toBe(4)
  })
})
