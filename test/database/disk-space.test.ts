// The embedded database on a disk that is nearly full.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connectPglite } from '../../drizzle/drivers/pglite.ts'
import { createApp } from '../../functions/app.ts'
import { parseConfig } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'
import { LONG_LIVED } from '../../lib/control-plane/long-lived.ts'
import { createUsedServerFixture } from '../support/server.ts'
import { cleanUps } from '../support/tcp-servers.ts'

test('/readyz fails when the disk of the embedded database is nearly full', async () => {
  const { remove, settings } = await createUsedServerFixture()
  cleanUps.push(remove)
  const ready = async (minFreeBytes: number) => {
    const database = await connectPglite(join(settings.DATA_DIR, 'postgres'), { minFreeBytes })
    const services = createServices(parseConfig({}), database, {
      fetch: () => Promise.reject(new Error('no network')),
      log: () => {},
      longLived: LONG_LIVED,
    })
    const response = await createApp(services, { loopback: true }).request('/readyz')
    await database.close()
    return ((await response.json()) as { checks: { database: unknown } }).checks.database
  }
  expect(await ready(0)).toEqual({ ok: true, detail: 'answers' })
  expect(await ready(Number.MAX_SAFE_INTEGER)).toEqual({
    ok: false,
    detail: expect.stringMatching(/^the disk of the embedded database has only \d+ MB free$/) as string,
  })
})
