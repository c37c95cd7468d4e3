// RUNTIME_EXEC: the command of a runtime's images, for the case that Fly does not run an image's ENTRYPOINT beside secrets of a
// process (docs/facts/fly.md §4.2).
import { afterEach, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
afterEach(() => h.close())

async function processesOf(runtime: string): Promise<Json[]> {
  const { id, status } = await h.createWorkspace({ runtime })
  expect(status).toBe('ready')
  return ((await h.machineOf(id)).config as unknown as { processes: Json[] }).processes
}

test('the machines of a named runtime have its command beside their secrets, and others have none', async () => {
  h = await createHarness({ env: { RUNTIME_EXEC: '{"hermes":["/entrypoint.sh","molecule run"]}' } })
  expect(await processesOf('hermes')).toEqual([
    expect.objectContaining({
      exec: ['/entrypoint.sh', 'molecule run'],
      ignore_app_secrets: true,
      secrets: [expect.objectContaining({ env_var: 'MOLECULE_WORKSPACE_TOKEN' })],
    }),
  ])
  expect((await processesOf('langgraph'))[0]).not.toHaveProperty('exec')
})
