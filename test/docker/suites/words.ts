// What a server with Docker says of its provider: Docker and its commands, and nothing of Fly.
import { expect, test } from 'vitest'
import { spawnNode } from '../../support/server.ts'
import { type DockerServer, LONG_MS } from './fixture.ts'

/** The name of this project, and of the tutorial's workspace, is no provider. */
const FLY = /(?<!molecule-)\bfly\b(?!-worker)|flyctl/i

export function words(get: () => DockerServer): void {
  test(
    'no answer about a failed workspace, nor any check, metric or start message, nor doctor, names Fly',
    async () => {
      const { call, create, fetch, printed, remove, settings, untilStatus } = get()
      const id = await create({ name: 'crashing', runtime: 'autogen' })
      const failed = await untilStatus(id, 'failed')
      expect(failed['reason']).toMatchObject({
        hint: `Read its log: GET /workspaces/{id}/logs, or docker logs ws-${id}`,
      })
      expect((await call('GET', '/readyz')).body).toMatchObject({
        checks: { provider: { ok: true, detail: 'the daemon answers, and has the network' } },
      })
      for (const path of [
        `/workspaces/${id}`,
        `/workspaces/${id}/explain`,
        `/workspaces/${id}/events`,
        `/workspaces/${id}/logs`,
        '/fleet',
        '/disks',
        '/healthz',
        '/readyz',
        '/metrics',
      ]) {
        for (const accept of ['application/json', 'text/plain']) {
          const text = await (await fetch(path, { headers: { accept } })).text()
          expect(text, `${path} as ${accept}`).not.toMatch(FLY)
        }
      }
      expect(printed()).not.toMatch(FLY)
      for (const more of [{}, { DOCKER_NETWORK: 'none' }]) {
        const doctor = spawnNode('commands/doctor.ts', { ...settings, ...more })
        await doctor.exited
        expect(doctor.printed.stdout).toContain('docker')
        expect(doctor.printed.stdout).not.toMatch(FLY)
      }
      await remove(id)
    },
    LONG_MS,
  )
}
