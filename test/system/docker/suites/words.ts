// What a server with Docker says of its provider: Docker and its commands, and nothing of Fly.
import { expect, test } from 'vitest'
import { bundleOf } from '../../../support/server-program.ts'
import { spawnNode } from '../../../support/server.ts'
import { type DockerServer, LONG_MS } from './fixture.ts'

/** The name of this project, and of the tutorial's workspace, is no provider. */
const FLY = /(?<!molecule[- ])\bfly\b(?!-worker)|flyctl/i

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
      // Nothing has a price here, in /fleet and elsewhere.
      const fleet = (await call('GET', '/fleet')).body
      expect(fleet).toMatchObject({ totals: { owned: { usd_per_month: null } } })
      for (const path of ['/fleet', '/disks', `/workspaces/${id}`])
        expect(await (await fetch(path)).text(), path).not.toMatch(/"usd_per_month":\d/)
      const metrics = await (await fetch('/metrics')).text()
      expect(metrics).toMatch(
        /^molecule_provider_calls_total\{action="create_container",outcome="ok"\} [1-9]/m,
      )
      expect(metrics).toMatch(
        /^molecule_provider_calls_total\{action="inspect_container",outcome="404"\} [1-9]/m,
      )
      expect(metrics).toMatch(/^molecule_provider_call_seconds_count\{action="start_container"\} [1-9]/m)
      expect(printed()).not.toMatch(FLY)
      const program = await bundleOf('commands/doctor.ts')
      const doctors = [{}, { DOCKER_NETWORK: 'none' }].map((more) =>
        spawnNode(program, { ...settings, ...more }),
      )
      for (const { exited, printed } of doctors) {
        await exited
        expect(printed.stdout).toContain('docker')
        expect(printed.stdout).not.toMatch(FLY)
      }
      await remove(id)
    },
    LONG_MS,
  )
}
