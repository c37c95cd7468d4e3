// A Python agent below a path of FastAPI, whose card is below that path only: it registers with its card and beats, as Molecule's
// runtimes do, and its client then reaches it through the proxy (github.com/GoogleCloudPlatform/agent-starter-pack/issues/448,
// github.com/trpc-group/trpc-a2a-go/issues/46, github.com/kubently/kubently/issues/65).
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ControlPlane, startNode } from '../../conformance/support/control-plane.ts'
import { createWorkspace } from '../../conformance/support/fixture.ts'
import { forwardToPort } from '../../../lib/emulator/node/forward.ts'
import type { Program } from '../../../lib/emulator/guests/host.ts'
import { type ForeignAgent, hasPart, runForeignClient, startForeignAgent } from './parts.ts'

const IMAGE = 'ghcr.io/molecule-ai/field-mounted'

/** Hides the card at the root, registers the agent, and beats. */
const registering =
  (agent: () => ForeignAgent): Program =>
  async (machine) => {
    const { port } = agent()
    await machine.listen(8000, (request) =>
      new URL(request.url).pathname.startsWith('/.well-known/')
        ? new Response('Not Found', { status: 404 })
        : forwardToPort(port, request),
    )
    const card = await (await fetch(`http://127.0.0.1:${port}/a2a/echo/.well-known/agent-card.json`)).json()
    const { MOLECULE_WORKSPACE_TOKEN: token, PLATFORM_URL: platform, WORKSPACE_ID: id } = machine.env
    const call = (path: string, body: object) =>
      machine.fetch(`${platform}${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      })
    await call('/registry/register', { id, url: `http://127.0.0.1:8000/a2a/echo/`, agent_card: card })
    const beat = () =>
      call('/registry/heartbeat', { workspace_id: id, error_rate: 0, active_tasks: 0, uptime_seconds: 5 })
    await beat()
    const timer = setInterval(() => void beat().catch(() => {}), 1_000)
    await new Promise((resolve) => machine.stopping.addEventListener('abort', resolve))
    clearInterval(timer)
    return 0
  }

describe.skipIf(!hasPart('python-0.3'))('an agent below a path', () => {
  let agent: ForeignAgent
  let controlPlane: ControlPlane
  beforeAll(async () => {
    agent = await startForeignAgent('python-0.3', 'agents/agent_0.py', ['/a2a/echo'])
    controlPlane = await startNode({ [IMAGE]: registering(() => agent) })
  })
  afterAll(async () => {
    await controlPlane?.close()
    await agent?.stop()
  })

  test('it becomes ready by registering, and its client gets the same results through the proxy', async () => {
    const id = await createWorkspace(controlPlane, { name: 'mounted', image: IMAGE })
    const run = (base: string, token: string) =>
      runForeignClient('python-0.3', 'clients/client_0_3.py', [base, token])
    const direct = await run(`http://127.0.0.1:${agent.port}/a2a/echo`, '')
    expect(direct).toMatchObject({ result: { 'sent hello ☎': [['You said: hello ☎']] } })
    expect(await run(`${controlPlane.url}/workspaces/${id}`, controlPlane.token)).toEqual(direct)
  })
})
