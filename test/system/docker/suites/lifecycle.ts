// What users do with a workspace, as on any provider: it is made, answers, sleeps, wakes, remembers, and is deleted.
import { expect, test, vi } from 'vitest'
import type { Survival } from '../../../../lib/workspaces/survival.ts'
import { spawnNode } from '../../../support/server.ts'
import { type DockerServer, LONG_MS, PATIENCE } from './fixture.ts'

export function lifecycle(get: () => DockerServer): void {
  test(
    'a workspace is created, answers, pauses, resumes, sleeps, is woken by a message, and is deleted',
    async () => {
      const { call, containersOf, create, dockerd, remove, say, untilContainer, untilStatus } = get()
      const id = await create({ tier: 4 })
      expect(await untilStatus(id, 'ready')).toMatchObject({ region: 'local' })
      const [container] = await containersOf(id)
      // Not NanoCpus: with those the daemon refuses a tier that has more CPUs than the host.
      expect(await dockerd.api('GET', `/containers/${container?.Id}/json`)).toMatchObject({
        HostConfig: { NanoCpus: 0, CpuQuota: 400_000, CpuPeriod: 100_000, Memory: 4096 * 2 ** 20 },
      })
      expect(await say(id, 'hello')).toContain('hello')

      const { body: explained } = await call<{ survives: Survival[] }>('GET', `/workspaces/${id}/explain`)
      const rows = new Map(explained.survives.map((row) => [row.event, row]))
      // A container is on this host alone, and its volume is not copied.
      for (const event of ['region_change', 'host_full', 'host_lost', 'restore'] as const)
        expect(rows.has(event), event).toBe(false)
      expect(rows.get('pause')).toMatchObject({ root_filesystem: 'kept', memory: 'lost' })
      expect(rows.get('restart')).toMatchObject({ root_filesystem: 'lost' })
      const run = async (script: string) =>
        (await call('POST', `/workspaces/${id}/exec`, { command: ['sh', '-c', script] })).body['exit_code']
      expect(await run('touch /tmp/note')).toBe(0)

      await call('POST', `/workspaces/${id}/pause`)
      await untilStatus(id, 'paused')
      await untilContainer(id, 'exited')
      await call('POST', `/workspaces/${id}/resume`)
      await untilStatus(id, 'ready')
      expect(await run('[ -f /tmp/note ]')).toBe(0)

      await call('POST', `/workspaces/${id}/hibernate`)
      await untilStatus(id, 'hibernated')
      await untilContainer(id, 'exited')
      expect(await say(id, 'wake up')).toContain('wake up')
      await untilStatus(id, 'ready')

      await call('POST', `/workspaces/${id}/restart`)
      await untilStatus(id, 'ready', { generation: 2 })
      expect(await run('[ -f /tmp/note ]')).toBe(1)
      expect(await say(id, 'again')).toContain('again')
      await remove(id)
      expect(await containersOf(id)).toEqual([])
    },
    LONG_MS,
  )

  test(
    'what the agent remembers is on a volume, which goes with its workspace',
    async () => {
      const { call, containersOf, create, dockerd, remove, say, untilStatus, volumes } = get()
      const id = await create({ disk_gb: 1 })
      await untilStatus(id, 'ready')
      await say(id, 'remember the milk')
      await call('POST', `/workspaces/${id}/restart`)
      await untilStatus(id, 'ready', { generation: 2 })
      expect(await say(id, 'what do you remember?')).toContain('the milk')
      for (const [path, input] of [
        [`/workspaces/${id}/snapshots`, {}],
        [`/workspaces/${id}/restore`, { snapshot: 'disk_aaaaaaaaaaaaaaaa.s' }],
        ['/workspaces', { name: 'fork', from: { workspace: id } }],
      ] as const) {
        const refused = await call('POST', path, input)
        expect(refused, path).toMatchObject({
          status: 501,
          body: { detail: expect.stringContaining('Docker volumes cannot be copied') as string },
        })
      }
      const [container] = await containersOf(id)
      const { Mounts } = (await dockerd.api('GET', `/containers/${container?.Id}/json`)) as {
        Mounts: { Name: string }[]
      }
      const volume = Mounts[0]?.Name ?? ''
      expect(await volumes()).toContain(volume)
      await remove(id)
      await vi.waitFor(async () => expect(await volumes()).not.toContain(volume), PATIENCE)
    },
    LONG_MS,
  )

  test(
    'npm run tutorial passes with a container',
    async () => {
      const { token, url } = get()
      const run = spawnNode('commands/tutorial.ts', { BASE_URL: url, ADMIN_TOKEN: token })
      const { code } = await run.exited
      expect(run.printed.stdout).toContain('provisioner docker, app docker, region local')
      expect(run.printed.stdout).toContain('ready: machine ws-')
      expect(run.printed.stdout).not.toMatch(/✗|emulated/)
      expect(code).toBe(0)
    },
    LONG_MS,
  )

  test.each([
    ['autogen', 'crashed', 'exit 7'],
    ['crewai', 'out_of_memory', 'memory'],
  ])(
    'an agent of runtime %s fails with the reason %s',
    async (runtime, code, words) => {
      const { create, remove, untilStatus } = get()
      const id = await create({ runtime })
      const failed = await untilStatus(id, 'failed')
      expect(failed).toMatchObject({ reason: { code } })
      expect(JSON.stringify(failed['reason'])).toContain(words)
      await remove(id)
    },
    LONG_MS,
  )
}
