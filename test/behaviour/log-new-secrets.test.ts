// A secret is set while somebody follows the log. The restart delivers it, and no line after that may show it.
import { expect, test } from 'vitest'
import type { GuestMachine } from '../../lib/emulator/guests/host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { createHarness } from '../support/harness.ts'
import { readEventStream } from '../support/event-stream.ts'

test('a stream of the log has the newest secrets removed and the newest generation, at once after a restart', async () => {
  let machine: GuestMachine | undefined
  const h = await createHarness({
    env: { SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'l').toString('base64') },
    programs: {
      'ghcr.io/molecule-ai/workspace-hermes*': (guest) => {
        machine = guest
        return sampleAgent(guest)
      },
    },
  })
  const { id } = await h.createWorkspace()
  machine?.log('before')
  const stream = await readEventStream(
    await h.fetchRaw(`/workspaces/${id}/logs`, { headers: { accept: 'text/event-stream' } }),
  )
  const messages = () => stream.received.map(({ data }) => data['message'])
  await expect.poll(messages).toContain('before')
  const put = { method: 'PUT', json: { key: 'NEW', value: 'a-new-secret-value' } } as const
  expect((await h.request(`/workspaces/${id}/secrets?restart=true`, put)).status).toBe(200)
  await h.request(`/workspaces/${id}`, { headers: { prefer: 'wait=20' } })
  h.advance(1_000)
  machine?.log('NEW=a-new-secret-value')
  await expect.poll(() => messages().at(-1)).toMatch(/^NEW=/)
  expect(stream.received.at(-1)?.data).toMatchObject({ message: 'NEW=[secret]', generation: 2 })
  await stream.close()
  await h.close()
})
