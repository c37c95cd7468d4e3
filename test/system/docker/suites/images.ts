// Where images come from: registries with logins, digests, and what the daemon says when it cannot pull.
import { expect, test, vi } from 'vitest'
import { AGENT_REPOSITORY, type DockerServer, LONG_MS, PATIENCE } from './fixture.ts'

export function images(get: () => DockerServer): void {
  test.each([
    ['codex', 'a registry that does not answer', 'connection refused'],
    ['openclaw', 'a registry that refuses the login', 'incorrect username or password'],
  ])(
    'an image of runtime %s, in %s, is the reason, with the words of Docker',
    async (runtime, _, words) => {
      const { call, create, remove } = get()
      const id = await create({ runtime })
      await vi.waitFor(async () => {
        const { reason } = (await call('GET', `/workspaces/${id}`)).body
        expect(reason).toMatchObject({ code: 'image_unpullable' })
        expect(JSON.stringify(reason)).toContain(words)
      }, PATIENCE)
      await remove(id)
    },
    LONG_MS,
  )

  test(
    'an image of a private registry is pulled with DOCKER_AUTH_CONFIG, and a rollout by digest replaces it',
    async () => {
      const { call, create, containersOf, digests, registry, remove, say, untilStatus } = get()
      const [first = '', second = ''] = digests
      const imageOf = (digest: string) => `${registry.host}/${AGENT_REPOSITORY}@${digest}`
      const id = await create({ runtime: 'claude-code', disk_gb: 1 })
      await untilStatus(id, 'ready')
      expect(registry.authorizations).toContain(`Basic ${btoa('deployer:pa$$word')}`)
      const labels = async () => (await containersOf(id))[0]?.Labels['molecule.image']
      expect(await labels()).toBe(imageOf(first))
      await say(id, 'remember the milk')

      const started = await call('POST', '/rollouts', {
        runtime: 'claude-code',
        digest: second,
        tranches: ['100%'],
        watch_seconds: 1,
      })
      expect(started, JSON.stringify(started.body)).toMatchObject({
        status: 201,
        body: { image: imageOf(second) },
      })
      await vi.waitFor(async () => {
        const { body } = await call('GET', `/rollouts/${String(started.body['id'])}`)
        expect(body, JSON.stringify(body)).toMatchObject({ state: 'completed' })
      }, PATIENCE)
      await untilStatus(id, 'ready')
      expect(await labels()).toBe(imageOf(second))
      expect(await say(id, 'what do you remember?')).toContain('the milk')
      await remove(id)
    },
    LONG_MS,
  )
}
