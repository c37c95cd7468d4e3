// GET /workspaces: filters, labels, order, pages and the total; and query parameters that do not exist.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
const ids: Record<string, string> = {}
beforeAll(async () => {
  h = await createHarness()
  const make = async (name: string, input: Json) => {
    ids[name] = (await h.createWorkspace({ name, ...input })).id
  }
  await make('alpha', { runtime: 'hermes', tier: 2, region: 'ord', labels: { team: 'red', stage: 'live' } })
  await make('alpine', { runtime: 'langgraph', tier: 3, region: 'ams', labels: { team: 'red' } })
  await make('beta', { runtime: 'hermes', tier: 4, region: 'ams', parent_id: ids['alpha'] })
  await h.request(`/workspaces/${ids['beta']}/pause`, { method: 'POST', headers: { prefer: 'wait=20' } })
})
afterAll(() => h.close())

/** @returns the names of the workspaces in the answer, in order */
async function list(query: string): Promise<string[]> {
  const { body, status } = await h.request<{ name: string }[]>(`/workspaces?${query}`)
  if (status !== 200) throw new Error(`list answered ${status}: ${JSON.stringify(body)}`)
  return body.map(({ name }) => name)
}

describe('filters', () => {
  test.each([
    ['status=paused', ['beta']],
    ['status=paused&status=ready', ['alpha', 'alpine', 'beta']],
    ['status=removed', []],
    ['runtime=hermes', ['alpha', 'beta']],
    ['tier=3', ['alpine']],
    ['region=ams', ['alpine', 'beta']],
    ['name=alpha', ['alpha']],
    ['name_prefix=alp', ['alpha', 'alpine']],
    ['name_prefix=%25', []],
    ['label=team=red', ['alpha', 'alpine']],
    ['label.team=red', ['alpha', 'alpine']],
    ['label=team=red&label=stage=live', ['alpha']],
    ['label.team=red&label.stage=live', ['alpha']],
    ['label.team=blue', []],
    ['runtime=hermes&region=ord', ['alpha']],
    ['created_after=2099-01-01T00:00:00Z', []],
    ['created_after=2000-01-01T00:00:00Z', ['alpha', 'alpine', 'beta']],
  ])('GET /workspaces?%s returns what matches', async (query, names) => {
    expect(await list(query)).toEqual(names)
  })

  test('a region that does not exist is refused, and the answer says which do', async () => {
    const { body, status } = await h.request('/workspaces?region=atlantis')
    expect(status).toBe(400)
    expect(body).toMatchObject({
      errors: [{ field: 'region', message: expect.stringMatching(/^must be one of .*\bfra\b/) as string }],
    })
  })

  test('children are found by their parent in any notation of its id', async () => {
    expect(await list(`parent_id=${ids['alpha']?.toUpperCase()}`)).toEqual(['beta'])
  })
})

describe('order and pages', () => {
  test.each([
    ['created_at', ['alpha', 'alpine', 'beta']],
    ['-created_at', ['beta', 'alpine', 'alpha']],
    ['name', ['alpha', 'alpine', 'beta']],
    ['-name', ['beta', 'alpine', 'alpha']],
  ])('pages of one in the order %s contain every workspace once', async (sort, names) => {
    const seen: string[] = []
    let path: string | undefined = `/workspaces?sort=${sort}&limit=1&total=true`
    while (path !== undefined) {
      const page: { body: { name: string }[]; headers: Headers } = await h.request(path)
      expect(page.headers.get('x-total-count')).toBe('3')
      seen.push(...page.body.map(({ name }) => name))
      path = /<http:\/\/platform\.test(.*)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1]
    }
    expect(seen).toEqual(names)
  })

  test('the next page keeps the filters', async () => {
    const { headers } = await h.request('/workspaces?label.team=red&limit=1')
    expect(headers.get('link')).toContain('label.team=red')
  })

  test('a cursor of another order is refused', async () => {
    const { headers } = await h.request('/workspaces?sort=name&limit=1')
    const cursor = /cursor=([^&>]+)/.exec(headers.get('link') ?? '')?.[1] ?? ''
    const { body, status } = await h.request(`/workspaces?sort=-name&cursor=${cursor}`)
    expect(status).toBe(400)
    expect(body).toMatchObject({ errors: [{ field: 'cursor' }] })
  })
})

describe('labels', () => {
  test('labels are shown, changed one by one and removed, and an event says so', async () => {
    const { id } = await h.createWorkspace({ name: 'labelled', labels: { team: 'green' } })
    const change = (labels: Json | null) =>
      h.request<{ workspace: Json }>(`/workspaces/${id}`, { method: 'PATCH', json: { labels } })
    const { body } = await change({ team: 'blue', 'cost-centre': '42' })
    expect(body).toMatchObject({
      needs_restart: false,
      workspace: { labels: { team: 'blue', 'cost-centre': '42' } },
    })
    expect((await change({ size: 'xl', team: null })).body).toMatchObject({
      workspace: { labels: { size: 'xl', 'cost-centre': '42' } },
    })
    expect(await list('label.team=blue')).toEqual([])
    expect(await list('label.cost-centre=42')).toEqual(['labelled'])
    const { body: log } = await h.request<{ events: { type: string; payload: Json }[] }>(
      `/workspaces/${id}/events?types=workspace_updated`,
    )
    expect(log.events.at(-1)?.payload).toMatchObject({ labels: { size: 'xl', team: null } })
    expect((await change(null)).body.workspace['labels']).toEqual({})
    await h.request(`/workspaces/${id}`, { method: 'DELETE' })
  })

  test('the configuration is changed by name, also within objects, and the answer has all of it', async () => {
    const config = { runtime: 'other', model: { name: 'm', heat: 1 }, tools: ['a', 'b'], kept: true }
    const { id } = await h.createWorkspace({ name: 'configured', config })
    const change = async (changes: Json | null) =>
      (
        await h.request<{ workspace: Json; needs_restart: boolean }>(`/workspaces/${id}`, {
          method: 'PATCH',
          json: { config: changes },
        })
      ).body
    const changes = {
      runtime: null,
      model: { heat: null, size: { ctx: 8 } },
      tools: ['c'],
      added: { gone: null },
    }
    const merged = { model: { name: 'm', size: { ctx: 8 } }, tools: ['c'], kept: true, added: {} }
    expect(await change(changes)).toMatchObject({ needs_restart: true, workspace: { config: merged } })
    expect((await h.request(`/workspaces/${id}`)).body['config']).toEqual(merged)
    const half = { a: 'x'.repeat(40_000) }
    await change(half)
    expect(await change({ b: half.a })).toMatchObject({ errors: [{ field: 'config' }] })
    expect((await change(null)).workspace['config']).toEqual({})
    await Promise.all(Array.from({ length: 10 }, (_, n) => change({ [`c${n}`]: n, in: { [`c${n}`]: n } })))
    const { body } = await h.request<{ config: Json & { in: Json } }>(`/workspaces/${id}`)
    expect([Object.keys(body.config), Object.keys(body.config.in)].map((names) => names.length)).toEqual([
      11, 10,
    ])
  })

  test('people who change different labels and variables at once lose none', async () => {
    const { id } = await h.createWorkspace({ name: 'crowded', labels: { first: '1' }, env: { FIRST: '1' } })
    const ten = Array.from({ length: 10 }, (_, n) => n)
    await Promise.all(
      ten.map((n) =>
        h.request(`/workspaces/${id}`, {
          method: 'PATCH',
          json: { labels: { [`l${n}`]: '' }, env: { [`E${n}`]: '' } },
        }),
      ),
    )
    const { body } = await h.request<{ labels: Json; env_names: string[] }>(`/workspaces/${id}`)
    expect(Object.keys(body.labels)).toHaveLength(11)
    expect(body.env_names).toHaveLength(11)
    await h.request(`/workspaces/${id}`, { method: 'DELETE' })
  })

  test('a change that would leave too many labels is refused, and another in place of one is not', async () => {
    const labels = Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`k${n}`, '']))
    const { id } = await h.createWorkspace({ name: 'full', labels })
    const change = (changes: Json) =>
      h.request(`/workspaces/${id}`, { method: 'PATCH', json: { labels: changes } })
    expect(await change({ more: '' })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'labels', message: expect.stringContaining('remove some with null') }] },
    })
    expect((await change({ more: '', k0: null })).status).toBe(200)
    await h.request(`/workspaces/${id}`, { method: 'DELETE' })
  })

  test.each([
    [{ Team: 'red' }, 'labels.Team'],
    [{ '': 'red' }, 'labels.'],
    [{ team: 'a\nb' }, 'labels.team'],
    [{ team: 1 }, 'labels.team'],
    [Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`k${index}`, ''])), 'labels'],
  ])('the labels %j are refused', async (labels, field) => {
    const { body, status } = await h.request('/workspaces', { method: 'POST', json: { name: 'x', labels } })
    expect(status).toBe(400)
    expect(body).toMatchObject({ errors: [{ field }] })
  })
})

test.each([
  'label=team=red&label=team=blue',
  'label.team=red&label.team=blue',
  'label=team=red&label.team=red',
])('a list by two values of one label (%s) is refused', async (query) => {
  const { body, status } = await h.request(`/workspaces?${query}`)
  expect(status).toBe(400)
  expect(body).toMatchObject({ errors: [{ field: 'label', message: expect.stringContaining('team twice') }] })
})

describe('query parameters that have a word or a number which does not exist', () => {
  test.each([
    ['/workspaces?runtime=hermess', 'runtime', 'one of langgraph, .*hermes'],
    ['/workspaces?tier=5', 'tier', '2, 3, 4'],
    ['/workspaces/ID/logs?level=info,loud', 'level', "'loud' is none of debug, info, warn, error"],
    ['/workspaces/ID/activity?type=a2a_receives', 'type', 'did you mean|a2a_receive'],
    ['/audit?route=PATCH%20/workspaces/{id}', 'route', 'PATCH /workspaces/:id'],
    ['/events?types=workspace_create', 'types', "did you mean 'workspace_created'"],
  ])('%s is refused, and the answer names the parameter and what exists', async (path, field, text) => {
    const { body, status } = await h.request(path.replace('ID', crypto.randomUUID()))
    expect(status).toBe(400)
    expect(body).toMatchObject({ errors: [{ field, message: expect.stringMatching(text) }] })
  })
})

describe('query parameters that do not exist', () => {
  test.each([
    ['/workspaces?statuss=ready', 'statuss'],
    ['/workspaces?label=team', 'label'],
    ['/fleet?status=ready', 'status'],
    ['/audit?since=1', 'since'],
    ['/events?type=gave_up', 'type'],
    ['/tokens?limit=1', 'limit'],
  ])('%s is refused, and the answer names the parameter', async (path, field) => {
    const { body, status } = await h.request(path)
    expect(status).toBe(400)
    expect(body).toMatchObject({ code: 'invalid_input', errors: [{ field }] })
  })
})
