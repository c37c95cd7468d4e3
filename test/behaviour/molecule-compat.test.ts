// MOLECULE_COMPAT: each of its effects (functions/routes/molecule-compat/routes.ts), and that there is none without it.
import { describe, expect, test } from 'vitest'
import { createApp } from '../../functions/app.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { testInProcess } from '../support/control-plane.ts'

async function withHarness(env: Record<string, string>, use: (h: Harness) => Promise<void>): Promise<void> {
  const h = await createHarness({ env })
  try {
    await use(h)
  } finally {
    await h.close()
  }
}

const COMPAT = { MOLECULE_COMPAT: 'true' }

describe("for Molecule's clients", () => {
  test('a ready workspace has the status online in every response with MOLECULE_COMPAT', () =>
    withHarness(COMPAT, async (h) => {
      const { id, status } = await h.createWorkspace()
      const other = await h.createWorkspace({ name: 'other' })
      expect(status).toBe('online')
      expect((await h.request(`/workspaces/${id}`)).body).toMatchObject({ status: 'online' })
      expect((await h.request<Json[]>('/workspaces')).body.map((one) => one['status'])).toEqual([
        'online',
        'online',
      ])
      expect((await h.request(`/registry/${id}/peers`)).body).toMatchObject([
        { id: other.id, status: 'online' },
      ])
      expect((await h.request(`/workspaces/${id}/pause`, { method: 'POST' })).body).toMatchObject({
        status: 'paused',
      })
    }))

  test("events are listed newest first under Molecule's names with MOLECULE_COMPAT", () =>
    withHarness(COMPAT, async (h) => {
      const { id } = await h.createWorkspace()
      await h.request(`/workspaces/${id}/pause`, { method: 'POST' })
      const { body } = await h.request<Json[]>(`/events/${id}`)
      expect(body.map((event) => event['event_type'])).toEqual([
        'WORKSPACE_PAUSED',
        'WORKSPACE_ONLINE',
        'WORKSPACE_PROVISIONING',
      ])
      expect(body[1]).toEqual({
        id: expect.stringMatching(/^\d+$/) as string,
        event_type: 'WORKSPACE_ONLINE',
        workspace_id: id,
        payload: { status: 'online', machine_id: expect.any(String) as string },
        created_at: expect.any(String) as string,
      })
      expect((await h.request('/events')).body).toEqual(body)
      // A request for a page gets a page.
      expect((await h.request('/events?after=0')).body).toMatchObject({
        next: expect.any(Number) as number,
      })
    }))

  test('a test token of MOLECULE_COMPAT has the permissions of its workspace', () =>
    withHarness(COMPAT, async (h) => {
      const { id } = await h.createWorkspace()
      const { body } = await h.request(`/admin/workspaces/${id}/test-token`)
      expect(body).toEqual({ auth_token: expect.any(String) as string, workspace_id: id })
      const headers = { authorization: `Bearer ${String(body['auth_token'])}` }
      expect((await h.request(`/workspaces/${id}/activity`, { headers })).status).toBe(200)
      expect((await h.request(`/workspaces/${id}/secrets/values`, { headers })).status).toBe(200)
    }))

  test('the token of any workspace may do on the open server what no token may do', () =>
    withHarness(COMPAT, async (h) => {
      const { id } = await h.createWorkspace()
      const other = await h.createWorkspace({ name: 'other' })
      const headers = { authorization: `Bearer ${await h.tokenOf(id)}` }
      expect((await h.request<Json[]>('/workspaces', { headers })).body).toHaveLength(2)
      expect((await h.request('/events', { headers })).status).toBe(200)
      const json = { name: 'third' }
      expect((await h.request('/workspaces', { method: 'POST', headers, json })).status).toBe(201)
      expect((await h.request(`/workspaces/${other.id}`, { method: 'DELETE', headers })).status).toBe(200)
      // Only the workspace itself may read the values of its secrets.
      expect((await h.request(`/workspaces/${other.id}/secrets/values`, { headers })).status).not.toBe(200)
      // An agent in a machine comes through the public address, and is itself.
      const through = await h.fetchRaw('https://tunnel.example/workspaces', { headers })
      expect(through.status).toBe(403)
    }))

  test('the token of a workspace is its own where ADMIN_TOKEN is set, also with MOLECULE_COMPAT', () =>
    withHarness({ ...COMPAT, ADMIN_TOKEN: 'the-administrators-own-token-0001' }, async (h) => {
      const admin = { authorization: 'Bearer the-administrators-own-token-0001' }
      const created = await h.request('/workspaces', {
        method: 'POST',
        headers: { ...admin, prefer: 'wait=20' },
        json: { name: 'closed' },
      })
      const headers = { authorization: `Bearer ${await h.tokenOf(String(created.body['id']))}` }
      expect((await h.request('/workspaces', { headers })).status).toBe(403)
      expect((await h.request('/workspaces', { headers: admin })).status).toBe(200)
      const json = { id: created.body['id'], agent_card: { name: 'x' } }
      expect((await h.request('/registry/register', { method: 'POST', json })).status).toBe(401)
    }))

  testInProcess(
    'the test changes its configuration',
    'a server with MOLECULE_COMPAT and the real Fly is open on loopback without a token, and nowhere else',
    () =>
      withHarness(COMPAT, async (h) => {
        const ask = (loopback: boolean) =>
          createApp(withRealFly(h), { loopback }).fetch(new Request('http://localhost:8080/workspaces'))
        expect((await ask(true)).status).toBe(200)
        expect((await ask(false)).status).toBe(503)
      }),
  )
})

test('without MOLECULE_COMPAT a ready workspace is ready and there is no test token', () =>
  withHarness({}, async (h) => {
    const { id, status } = await h.createWorkspace()
    expect(status).toBe('ready')
    expect((await h.request(`/admin/workspaces/${id}/test-token`)).status).toBe(404)
    const headers = { authorization: `Bearer ${await h.tokenOf(id)}` }
    expect((await h.request('/workspaces', { headers })).status).toBe(403)
  }))

testInProcess(
  'the test changes its configuration',
  'without MOLECULE_COMPAT a server with the real Fly and no token is closed on loopback too',
  () =>
    withHarness({}, async (h) => {
      const answer = await createApp(withRealFly(h), { loopback: true }).fetch(
        new Request('http://localhost:8080/workspaces'),
      )
      expect(answer.status).toBe(503)
      expect(await answer.text()).toContain('ADMIN_TOKEN')
    }),
)

const withRealFly = ({ services }: Harness): Services => ({
  ...services,
  config: { ...services.config, backend: 'flyio' },
})
