// The lists of machines in the emulated Machines API: filters, pages, and the list of an organization.

import { describe, expect, test } from 'vitest'
import { startFly } from '../support/emulator.ts'
import type { Json } from '../support/emulator.ts'

describe('listing machines', () => {
  test('the list of machines filters by metadata, state and region, and hides destroyed machines', async () => {
    const { call, machines, started, wait } = await startFly()
    const a = await started({ metadata: { tenant: 'a', kind: 'x' } }, { region: 'fra' })
    const b = await started({ metadata: { tenant: 'b', kind: 'x' } })
    const ids = async (query: string): Promise<string[]> =>
      ((await call('GET', `${machines}?${query}`)).body as unknown as Json[]).map((machine) => machine.id)
    expect(await ids('metadata.tenant=a')).toEqual([a.id])
    expect(await ids('metadata.kind=x&metadata.tenant=b')).toEqual([b.id])
    expect(await ids('region=fra')).toEqual([a.id])
    expect(await ids('state=stopped,suspended')).toEqual([])
    await call('DELETE', `${machines}/${a.id}?kill=true`)
    await wait(a.id, 'destroyed')
    expect(await ids('')).toEqual([b.id])
    expect(new Set(await ids('include_deleted=true'))).toEqual(new Set([a.id, b.id]))
  })

  test('the list of machines with summary=true leaves out config, checks and events', async () => {
    const { call, machines, create } = await startFly()
    await create()
    const [row] = (await call('GET', `${machines}?summary=true`)).body as unknown as Json[]
    expect(row).toHaveProperty('state')
    for (const field of ['config', 'checks', 'events', 'host_status']) expect(row).not.toHaveProperty(field)
  })

  test('the list of machines comes in pages, with the cursor in a header until the last page', async () => {
    const { call, machines, create } = await startFly()
    for (let i = 0; i < 5; i++) await create({}, { name: `m${i}` })
    const names: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page = await call(
        'GET',
        `${machines}?limit=2${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      )
      names.push(...(page.body as unknown as Json[]).map((machine) => machine.name))
      cursor = page.headers.get('fly-next-cursor')
    }
    expect(names.toSorted()).toEqual(['m0', 'm1', 'm2', 'm3', 'm4'])
    expect((await call('GET', `${machines}?cursor=abc`)).status).toBe(400)
    expect((await call('GET', `${machines}?limit=0`)).status).toBe(400)
  })

  test('the machines of an organization are listed oldest change first, optionally after a given time', async () => {
    const { call, started } = await startFly()
    await started({ metadata: { k: 'v' } })
    const { body } = await call('GET', '/v1/orgs/personal/machines')
    expect(body).toMatchObject({
      machines: [{ app_name: 'demo', state: 'started', config: { image: 'web', metadata: { k: 'v' } } }],
      error_regions: [],
    })
    const later = new Date(Date.now() + 1000).toISOString()
    expect((await call('GET', `/v1/orgs/personal/machines?updated_after=${later}`)).body.machines).toEqual([])
    expect((await call('GET', '/v1/orgs/strangers/machines')).status).toBe(404)
  })
})
