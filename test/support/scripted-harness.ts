// The control plane of a test file whose workspaces run the scripted agent. Before each test nothing is under way, the
// agent gives its default answer, and it has received nothing.
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { createHarness, type Harness } from './harness.ts'
import { createScriptedAgent, reply, SCRIPTED_AGENT_IMAGE } from './scripted-agent.ts'

/**
 * Called at the top of a test file.
 * @param env settings of the control plane
 * @returns the agent, and the harness, which is open in every hook and test that is registered later
 */
export function useScriptedHarness(env: Record<string, string>) {
  const scriptedAgent = createScriptedAgent()
  let open: Harness | undefined
  const harness = () => {
    if (open === undefined) throw new Error('the harness is opened before the first test')
    return open
  }
  beforeAll(async () => {
    open = await createHarness({ programs: { [SCRIPTED_AGENT_IMAGE]: scriptedAgent.program }, env })
    await open.setCanRunInBackground(true)
  })
  afterAll(() => open?.close())
  beforeEach(async () => {
    await harness().setCanRunInBackground(true)
    await harness().untilIdle()
    scriptedAgent.arrivals.length = 0
    scriptedAgent.answer = reply
  })
  return { scriptedAgent, harness }
}
