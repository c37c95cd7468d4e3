// The boot order of the sample agent, which is that of Molecule's runtimes.

import { describe, expect, test } from 'vitest'
import { boot, legacySend, post, URL_8123 } from '../support/sample-agent.ts'

describe('boot', () => {
  test('without config.yaml the sample agent exits with code 1', async () => {
    const agent = await boot({ files: {} })
    expect(await agent.exited).toBe(1)
    expect(agent.lines).toEqual(['FileNotFoundError: /configs/config.yaml'])
    expect(agent.calls).toEqual([])
  })

  test('without WORKSPACE_ID the sample agent exits with code 1', async () => {
    const agent = await boot({ env: { WORKSPACE_ID: '' } })
    expect(await agent.exited).toBe(1)
  })

  test('the sample agent registers with its card and URL before it listens', async () => {
    const agent = await boot()
    expect(agent.port()).toBe(8123)
    expect(agent.calledOn('/registry/register')).toMatchObject([
      {
        listening: false,
        authorization: null,
        body: {
          id: 'w-1',
          url: URL_8123,
          agent_card: {
            name: 'Ada: #1\n',
            description: 'Counts',
            version: '1.0.0',
            url: URL_8123,
            skills: [{ id: 'echo' }],
            capabilities: { streaming: true, pushNotifications: false },
          },
        },
      },
    ])
  })

  test('the sample agent uses the token of its environment until register answers another, which it saves', async () => {
    const agent = await boot({
      env: { MOLECULE_WORKSPACE_TOKEN: 'from-env' },
      platform: () => Response.json({ status: 'registered', auth_token: 'minted' }),
    })
    expect(agent.calledOn('/registry/register')[0]?.authorization).toBe('Bearer from-env')
    expect(agent.files['/configs/.auth_token']).toBe('minted')
    await expect.poll(() => agent.calledOn('/registry/heartbeat')[0]?.authorization).toBe('Bearer minted')
  })

  test('a sample agent whose platform is down listens and registers later', async () => {
    let down = true
    const agent = await boot({
      platform: (call) => {
        if (down && call.path === '/registry/register') throw new TypeError('fetch failed')
        return Response.json({})
      },
    })
    expect(agent.port()).toBe(8123)
    down = false
    await expect.poll(() => agent.calledOn('/registry/register').length).toBe(2)
    await expect.poll(() => agent.lines).toContain('registered')
  })

  test('the sample agent logs a 401 from register and does not repeat the call', async () => {
    const agent = await boot({ platform: () => Response.json({ error: 'no' }, { status: 401 }) })
    expect(agent.lines[0]).toBe('register: 401 {"error":"no"}')
    expect(agent.port()).toBe(8123)
  })

  test('the sample agent sends heartbeats whatever the platform answers', async () => {
    const agent = await boot({
      env: { HEARTBEAT_SECONDS: '0.02' },
      platform: () => new Response('no', { status: 500 }),
    })
    await expect.poll(() => agent.calledOn('/registry/heartbeat').length).toBeGreaterThan(2)
    expect(agent.calledOn('/registry/heartbeat')[0]).toMatchObject({
      listening: true,
      body: {
        workspace_id: 'w-1',
        error_rate: 0,
        sample_error: '',
        active_tasks: 0,
        current_task: '',
        uptime_seconds: 0,
      },
    })
  })

  test('a stopped sample agent exits with code 0 and sends no more heartbeats', async () => {
    const agent = await boot({ env: { HEARTBEAT_SECONDS: '0.02' } })
    expect(await agent.stop()).toBe(0)
    const beats = agent.calls.length
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(agent.calls.length).toBe(beats)
  })

  test('the message `exit N` ends the sample agent with that code', async () => {
    const agent = await boot()
    void post(agent, legacySend('exit 7'))
    expect(await agent.exited).toBe(7)
  })
})
