// The rate limits of the emulated Machines API.

import { describe, expect, test } from 'vitest'
import { startFly } from '../support/emulator.ts'

describe('rate limits', () => {
  test('the fourth start of one machine within a second answers 429', async () => {
    const { call, machines, started } = await startFly({ rateLimits: true })
    const { id } = await started()
    const start = () => call('POST', `${machines}/${id}/start`)
    for (let i = 0; i < 3; i++) expect((await start()).status).toBe(200)
    expect((await start()).status).toBe(429)
  })

  test('the eleventh read of one machine within a second answers 429, and other actions are not affected', async () => {
    const { call, machines, create } = await startFly({ rateLimits: true })
    const { id } = await create()
    const statuses: number[] = []
    for (let i = 0; i < 11; i++) statuses.push((await call('GET', `${machines}/${id}`)).status)
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 200), 429])
    expect((await call('GET', `${machines}/${id}/events`)).status).toBe(200)
  })

  test('five lists of machines at once are allowed, as flyctl sends them for `secrets set`', async () => {
    const { call, machines } = await startFly({ rateLimits: true })
    const replies = await Promise.all([1, 2, 3, 4, 5].map(() => call('GET', machines)))
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  })

  test('a rate limit allows requests again as time passes', async () => {
    let time = Date.now()
    const { call } = await startFly({ rateLimits: true, now: () => time })
    const secrets = '/v1/apps/demo/secrets'
    const statuses: number[] = []
    for (let i = 0; i < 4; i++) statuses.push((await call('GET', secrets)).status)
    time += 1000
    statuses.push((await call('GET', secrets)).status)
    expect(statuses).toEqual([200, 200, 200, 429, 200])
  })
})
