// An agent for tests: it records every message that it receives and answers what the test sets.
import type { Program } from '../../lib/emulator/guests/host.ts'

export type Arrival = {
  workspaceId: string
  messageId: unknown
  /** The text of its first part. */
  text: string
  headers: Headers
  body: string
}

type Message = { messageId?: unknown; parts?: { text?: string }[] }

export const SCRIPTED_AGENT_IMAGE = 'ghcr.io/molecule-ai/scripted-agent'

export type ScriptedAgent = ReturnType<typeof createScriptedAgent>

export function createScriptedAgent() {
  const arrivals: Arrival[] = []
  const agent = {
    arrivals,
    answer: reply as (arrival: Arrival) => Response | Promise<Response>,
    /** The texts that one workspace received, in order. */
    textsAt: (workspaceId: string) =>
      arrivals.filter((arrival) => arrival.workspaceId === workspaceId).map(({ text }) => text),
    program: (async (machine) => {
      await machine.listen(8000, async (request) => {
        if (new URL(request.url).pathname.endsWith('agent-card.json'))
          return Response.json({ name: 'scripted-agent' })
        const body = await request.text()
        const { params } = JSON.parse(body) as { params?: { message?: Message } }
        const arrival = {
          workspaceId: machine.env['WORKSPACE_ID'] ?? '',
          messageId: params?.message?.messageId,
          text: params?.message?.parts?.[0]?.text ?? '',
          headers: request.headers,
          body,
        }
        arrivals.push(arrival)
        return agent.answer(arrival)
      })
      return new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))
    }) satisfies Program,
  }
  return agent
}

/** The scripted agent's default answer, as JSON-RPC. */
export function reply({ text }: Pick<Arrival, 'text'>): Response {
  const parts = [{ kind: 'text', text: `done: ${text}` }]
  return Response.json({
    jsonrpc: '2.0',
    id: 1,
    result: { kind: 'message', role: 'agent', messageId: crypto.randomUUID(), parts },
  })
}

/** A promise that resolves when the test opens the gate. */
export function createGate(): { passed: Promise<void>; open: () => void } {
  const { promise: passed, resolve: open } = Promise.withResolvers<void>()
  return { passed, open }
}
