// Creating, listing, changing, rotating and deleting the inbound hooks of a workspace.
import { beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { HOOK_SETTINGS, hookClient, HOUR, SECRET } from '../support/hook-senders.ts'
import { useScriptedHarness } from '../support/scripted-harness.ts'

const { harness } = useScriptedHarness(HOOK_SETTINGS)

let h: Harness
let agent: string
const { call, create, createHook } = hookClient(
  () => h,
  () => agent,
)
beforeAll(async () => {
  h = harness()
  agent = await create()
})

describe('managing hooks', () => {
  test('a hook shows its secret once, and is listed, changed and deleted', async () => {
    const path = `/workspaces/${await create()}/hooks`
    const made = await call('POST', path, { name: 'builds', scheme: 'standard', events: ['a.*'] })
    const secret = String(made.body['secret'])
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(new URL(String(made.headers.get('location'))).pathname).toBe(`${path}/builds`)
    const { secret: _, ...view } = made.body
    expect(view).toMatchObject({ enabled: true, template: '', events: ['a.*'], created_by: 'admin' })
    expect((await call('GET', path)).body).toEqual([view])
    expect((await call('GET', `${path}/builds`)).body).toEqual(view)
    const changed = await call('PATCH', `${path}/builds`, { enabled: false, events: null })
    expect(changed.body).toEqual({
      ...view,
      enabled: false,
      events: null,
      updated_at: changed.body['updated_at'],
    })
    expect((await call('PATCH', `${path}/builds`, {})).body).toEqual(changed.body)
    const agentToken = { authorization: `Bearer ${await h.tokenOf(path.split('/')[2] ?? '')}` }
    expect((await call('GET', path, undefined, agentToken)).status).toBe(200)
    expect((await call('DELETE', `${path}/builds`, undefined, agentToken)).status).toBe(403)
    expect((await call('DELETE', `${path}/builds`)).body).toEqual({ status: 'deleted', name: 'builds' })
    for (const method of ['GET', 'DELETE']) {
      expect((await call(method, `${path}/builds`)).body).toMatchObject({
        error: 'the workspace has no hook builds',
      })
    }
    // A secret that the caller chose is not shown.
    const given = await call('POST', path, { name: 'builds', scheme: 'github', secret: SECRET })
    expect([given.status, given.body['secret']]).toEqual([201, undefined])
    expect(await call('POST', path, { name: 'builds', scheme: 'github' })).toMatchObject({
      status: 409,
      body: { error: expect.stringContaining('already') as string },
    })
  })

  test('a secret is rotated without a request body, and the response contains the new secret', async () => {
    const hook = await createHook('github')
    const rotated = await call('POST', `/workspaces/${agent}/hooks/${hook.name}/rotate`)
    expect(rotated).toMatchObject({ status: 200, body: { secret: expect.any(String) as string } })
    const until = Date.parse(String(rotated.body['previous_secret_until']))
    expect(Math.round((until - h.now().getTime()) / HOUR)).toBe(24)
  })

  test.each<[string, Json, string]>([
    ['no name', { scheme: 'github' }, 'name'],
    ['a name that cannot be part of a path', { name: 'A b', scheme: 'github' }, 'name'],
    ['an unknown scheme', { name: 'a', scheme: 'basic' }, 'scheme'],
    ['a misspelt member', { name: 'a', scheme: 'github', event: ['x'] }, 'event'],
    ['a short secret', { name: 'a', scheme: 'github', secret: 'short' }, 'secret'],
    ['a secret with a line break', { name: 'a', scheme: 'github', secret: `${SECRET}\n` }, 'secret'],
    ['a secret that is not base64', { name: 'a', scheme: 'standard', secret: SECRET }, 'secret'],
    ['a token with spaces', { name: 'a', scheme: 'bearer', secret: `${SECRET} and more` }, 'secret'],
    ['no secret for Slack', { name: 'a', scheme: 'slack' }, 'secret'],
    ['no secret for Stripe', { name: 'a', scheme: 'stripe' }, 'secret'],
    [
      'a delivery header for a scheme that has its own',
      { name: 'a', scheme: 'github', delivery_header: 'x-id' },
      'delivery_header',
    ],
    ['an invalid header name', { name: 'a', scheme: 'bearer', delivery_header: 'x id' }, 'delivery_header'],
    ['no event at all', { name: 'a', scheme: 'github', events: [] }, 'events'],
    ['an unclosed placeholder', { name: 'a', scheme: 'github', template: 'x {{title' }, 'template'],
    ['an expression', { name: 'a', scheme: 'github', template: '{{#each commits}}' }, 'template'],
    ['an unknown placeholder', { name: 'a', scheme: 'github', template: '{{$secret}}' }, 'template'],
  ])('a hook is refused with %s', async (_, json, field) => {
    expect(await call('POST', `/workspaces/${agent}/hooks`, json)).toMatchObject({
      status: 400,
      body: { errors: [{ field }] },
    })
  })

  test('a workspace has at most fifty hooks, and they end with the workspace', async () => {
    const id = await create()
    const path = `/workspaces/${id}/hooks`
    const statuses = await Promise.all(
      Array.from({ length: 50 }, async (_, at) => {
        const { status } = await call('POST', path, { name: `h-${at}`, scheme: 'github' })
        return status
      }),
    )
    expect(new Set(statuses)).toEqual(new Set([201]))
    expect((await call('POST', path, { name: 'one-more', scheme: 'github' })).status).toBe(409)
    await call('DELETE', `/workspaces/${id}`)
    expect((await call('GET', path)).status).toBe(404)
    expect((await call('POST', path, { name: 'late', scheme: 'github' })).status).toBe(404)
  })

  test('creating a hook without SECRETS_ENCRYPTION_KEY is refused, and the response names the setting', async () => {
    const bare = await createHarness()
    try {
      const { id } = await bare.createWorkspace()
      const json = { name: 'a', scheme: 'github' }
      expect(await bare.request(`/workspaces/${id}/hooks`, { method: 'POST', json })).toMatchObject({
        status: 503,
        body: { error: expect.stringContaining('SECRETS_ENCRYPTION_KEY') as string },
      })
    } finally {
      await bare.close()
    }
  })
})
