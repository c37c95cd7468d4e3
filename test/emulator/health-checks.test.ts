// The health checks of machines in the emulated Fly.

import { describe, expect, test } from 'vitest'
import { eventually, startFly, WEB_SERVICE } from '../support/emulator.ts'
import type { Json } from '../support/emulator.ts'

describe('checks', () => {
  const quick = { interval: '15ms', timeout: '50ms', grace_period: '10ms' }

  test('checks are empty until their first run and then pass or fail by name', async () => {
    const { started, get } = await startFly()
    const { id } = await started({
      checks: {
        alive: { type: 'http', port: 8080, path: '/', ...quick },
        port: { type: 'tcp', port: 9, ...quick },
      },
      services: [{ ...WEB_SERVICE, checks: [{ type: 'http', path: '/bad', ...quick }] }],
    })
    await eventually(async () => (await get(id)).checks.length === 3)
    const byName = Object.fromEntries((await get(id)).checks.map((check: Json) => [check.name, check]))
    expect(byName.alive).toMatchObject({
      status: 'passing',
      output: id,
      updated_at: expect.stringMatching(/^20/),
    })
    expect(byName.port).toMatchObject({
      status: 'critical',
      output: expect.stringContaining('connection refused'),
    })
    expect(byName['servicecheck-00-http-8080'].status).toBe('critical')
  })

  test('a check that gets no answer in time is critical', async () => {
    const { started, get } = await startFly()
    const { id } = await started({ checks: { slow: { type: 'http', port: 8080, path: '/hang', ...quick } } })
    await eventually(async () => (await get(id)).checks.length === 1)
    expect((await get(id)).checks[0]).toMatchObject({
      status: 'critical',
      output: expect.stringContaining('deadline'),
    })
  })
})
