// `npm run doctor`: what it says of the token, the apps, their addresses and PUBLIC_URL, and what --fix changes.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runDoctor } from '../../../commands/doctor/run.ts'
import { createDoctorFixture, type DoctorFixture, examine } from './doctor-fixture.ts'

let fixture: DoctorFixture
beforeAll(async () => {
  fixture = await createDoctorFixture()
})
afterAll(() => fixture.close())

const settings = (more?: Record<string, string>) => fixture.settings(more)

describe.concurrent('doctor', () => {
  test('doctor reports a refused token and how to create another', async () => {
    const of = await examine(settings({ FLY_API_TOKEN: 'revoked-long-ago' }))
    expect(of('fly token')).toMatchObject({
      state: 'wrong',
      fix: ['export FLY_API_TOKEN=$(env -u FLY_API_TOKEN fly tokens create deploy -a test-app)'],
    })
    expect(of('fly app')).toMatchObject({ state: 'skipped', detail: 'Fly refuses the token' })
    expect(of('addresses').state).toBe('skipped')
  })

  test('doctor reports a missing app and how to create it', async () => {
    const of = await examine(settings({ FLY_WORKSPACE_APP: 'nobodys-app' }))
    expect(of('fly app')).toMatchObject({
      state: 'wrong',
      fix: expect.arrayContaining(['fly apps create nobodys-app']) as string[],
    })
  })

  test('doctor reports a Fly API that does not answer', async () => {
    const of = await examine(settings({ FLY_FLAPS_BASE_URL: 'http://127.0.0.1:1' }))
    expect(of('fly token').state).toBe('wrong')
    expect(of('fly app').fix.join()).toContain('FLY_FLAPS_BASE_URL leads to http://127.0.0.1:1')
  })

  test('doctor reports missing addresses and allocates them with --fix', async () => {
    fixture.fly.emulator.createApp('bare-app')
    const bare = settings({ FLY_WORKSPACE_APP: 'bare-app' })
    const before = (await examine(bare))('addresses')
    expect(before).toMatchObject({ state: 'wrong' })
    expect(before.fix).toEqual([
      'npm run doctor -- --fix',
      '  or: fly ips allocate-v4 --shared -a bare-app',
      '  or: fly ips allocate-v6 -a bare-app',
    ])
    expect((await examine(bare, '--fix'))('addresses').state).toBe('ok')
    expect((await examine(bare))('addresses').detail).toBe('bare-app: shared v4 and v6')
  })

  test('doctor asks before it allocates addresses on a terminal', async () => {
    fixture.fly.emulator.createApp('asked-app')
    const asked: string[] = []
    const answer = async (agrees: boolean) => {
      let printed = ''
      const code = await runDoctor({
        args: [],
        env: settings({ FLY_WORKSPACE_APP: 'asked-app' }),
        out: (text) => (printed += text),
        err: () => {},
        colours: true,
        ask: (question) => Promise.resolve(asked.push(question) > 0 && agrees),
      })
      return { code, printed }
    }
    expect(await answer(false)).toMatchObject({
      code: 1,
      printed: expect.stringContaining('\u001b[31m') as string,
    })
    const { code, printed } = await answer(true)
    expect(code).toBe(0)
    expect(printed).toMatch(/addresses.*wrong[^]*addresses.*ok.*asked-app: shared v4 and v6/)
    expect(asked[0]).toContain('shared_v4 for asked-app, v6 for asked-app')
  })

  test('doctor requires a private address in the right network for .flycast', async () => {
    fixture.fly.emulator.createApp('inner-app', { network: 'agents' })
    const inner = settings({
      FLY_WORKSPACE_APP: 'inner-app',
      FLY_ENDPOINT: 'internal',
      PLATFORM_URL: 'http://control-plane.flycast',
    })
    expect((await examine(inner))('addresses')).toMatchObject({
      state: 'wrong',
      fix: expect.arrayContaining([expect.stringContaining('--private')]) as string[],
    })
    expect((await examine(inner))('public url').detail).toContain("on Fly's private network")
    expect((await examine(inner, '--fix'))('addresses')).toMatchObject({
      state: 'ok',
      detail: 'inner-app: private v6',
    })

    fixture.fly.emulator.createApp('apart-app', { network: 'agents' })
    const apart = { ...inner, FLY_WORKSPACE_APP: 'apart-app' }
    await fetch(`${fixture.fly.settings.FLY_FLAPS_BASE_URL}/v1/apps/apart-app/ip_assignments`, {
      method: 'POST',
      headers: { authorization: 'Bearer test-token', 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'private_v6', network: 'agents' }),
    })
    expect((await examine(apart))('addresses')).toMatchObject({
      state: 'warning',
      detail: expect.stringContaining('in the network agents alone') as string,
      fix: ['fly ips allocate-v6 --private -a apart-app'],
    })
  })

  test('doctor prints the command if the token may not allocate addresses', async () => {
    fixture.fly.emulator.createApp('locked-app')
    fixture.fly.emulator.faults.add({ kind: 'answer', action: 'ip.create', app: 'locked-app', status: 403 })
    expect(
      (await examine(settings({ FLY_WORKSPACE_APP: 'locked-app' }), '--fix'))('addresses'),
    ).toMatchObject({
      state: 'wrong',
      fix: ['fly ips allocate-v4 --shared -a locked-app', 'fly ips allocate-v6 -a locked-app'],
    })
  })

  test.each([
    ['http://127.0.0.1:8080', /has no way|no way to/],
    ['https://10.1.2.3', /10\.1\.2\.3/],
    ['https://workspaces.example.com', /placeholder/],
    ['https://my-mac.local', /another computer/],
    ['http://203.0.114.9', /not https/],
  ])('doctor reports that no machine can use PUBLIC_URL=%s', async (url, why) => {
    expect((await examine(settings({ PUBLIC_URL: url })))('public url')).toMatchObject({
      state: 'wrong',
      detail: expect.stringMatching(why) as string,
    })
  })
})
