// A control plane with two ready workspaces for tests of A2A: the sample agent, and a scripted one that records every request
// and answers what the test sets.
import { afterAll, beforeAll, beforeEach } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { createHarness, type Harness, type Json } from './harness.ts'

export type RecordedRequest = { method: string; path: string; headers: Headers; body: string }

const SCRIPTED_CARD = { name: 'scripted' }

const SCRIPTED_IMAGE = 'ghcr.io/molecule-ai/scripted'

/** Registers the hooks of the test file that calls it. The harness and the ids exist once its tests run. */
export function useA2aFixture() {
  let harness: Harness | undefined
  const ids = { sample: '', scripted: '' }
  const fixture = {
    /** Requests that the scripted agent received in this test, except those for its card. */
    seen: [] as RecordedRequest[],
    /** The card of the scripted agent in this test, and how it answers a request for it. */
    card: SCRIPTED_CARD as Json,
    answerCard: undefined as ((request: Request) => Response) | undefined,
    /** What the scripted agent answers in this test. */
    answer: emptyResult as (request: Request) => Response | Promise<Response>,
    get h(): Harness {
      if (harness === undefined) throw new Error('the harness starts before the first test')
      return harness
    },
    /** Workspace ids. */
    get sample() {
      return ids.sample
    },
    get scripted() {
      return ids.scripted
    },
    /** Sends a request to the A2A route of a workspace. */
    send: <Body = Json>(id: string, init: RequestInit & { json?: unknown }, suffix = '') =>
      fixture.h.request<Body>(`/workspaces/${id}/a2a${suffix}`, { method: 'POST', ...init }),
  }
  const program: Program = async (machine) => {
    await machine.listen(8000, async (request) => {
      const { pathname } = new URL(request.url)
      if (pathname.endsWith('agent-card.json'))
        return fixture.answerCard?.(request) ?? Response.json(fixture.card)
      const body = await request.clone().text()
      fixture.seen.push({ method: request.method, path: pathname, headers: request.headers, body })
      return fixture.answer(request)
    })
    return new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))
  }
  beforeAll(async () => {
    harness = await createHarness({
      programs: { [SCRIPTED_IMAGE]: program },
      env: { A2A_SILENCE_SECONDS: '1', A2A_MAX_BODY_BYTES: '20000' },
    })
    ids.sample = (await harness.createWorkspace({ name: 'sample' })).id
    ids.scripted = (await harness.createWorkspace({ name: 'scripted', image: SCRIPTED_IMAGE })).id
  })
  afterAll(() => harness?.close())
  beforeEach(() => {
    fixture.seen.length = 0
    fixture.answer = emptyResult
    fixture.card = SCRIPTED_CARD
    fixture.answerCard = undefined
  })
  return fixture
}

const emptyResult = () => Response.json({ jsonrpc: '2.0', id: 1, result: {} })
