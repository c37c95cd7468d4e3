// The entry of the containers of a run: an agent with some manners, which records each message at CHAOS_RECORDER before it
// answers.
import { runInContainer } from '../../../lib/emulator/node/container-guest.ts'
import { createAgent } from '../agents/agents.ts'
import { chanceOf } from '../random.ts'

const { CHAOS_RECORDER: recorder = '', WORKSPACE_ID: workspace = '' } = process.env

runInContainer(
  createAgent(
    (messageId) => fetch(recorder, { method: 'POST', body: messageId }),
    chanceOf(Date.now(), workspace),
    // A container has no way to pause itself.
    () => Promise.resolve({ status: 404, body: undefined }),
  ),
)
