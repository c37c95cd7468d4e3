// An agent on strings: it writes down every message that reaches it, and answers whatever the test says.
import type { Program } from '../../lib/emulator/guests/host.ts'

export type Arrival = {
  workspaceId: string
  messageId: unknown
  /** What its first part says. */
  text: string
  headers: Headers
  body: string
}

type Message = { messageId?: unknown; parts?: { text?: string }[] }

export const PUPPET_IMAGE = 'ghcr.io/molecule-ai/puppet'

export type Puppet = ReturnType<typeof createPuppet>

export function createPuppet() {
  const arrivals: Arrival[] = []
  const puppet = {
    arrivals,
    answer: reply as (arrival: Arrival) => Response | Promise<Response>,
    /** What reached one workspace, in order. */
    textsAt: (workspaceId: string) =>
      arrivals.filter((arrival) => arrival.workspaceId === workspaceId).map(({ text }) => text),
    program: (async (machine) => {
      await machine.listen(8000, async (request) => {
        if (new URL(request.url).pathname.endsWith('agent-card.json'))
          return Response.json({ name: 'puppet' })
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
        return puppet.answer(arrival)
      })
      return new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))
    }) satisfies Program,
  }
  return puppet
}

/** An agent's message, as JSON-RPC. */
export function reply({ text }: Pick<Arrival, 'text'>): Response {
  const parts = [{ kind: 'text', text: `done: ${text}` }]
  return Response.json({
    jsonrpc: '2.0',
    id: 1,
    result: { kind: 'message', role: 'agent', messageId: crypto.randomUUID(), parts },
  })
}

/** A door that is shut until somebody opens it. */
export function createGate(): { passed: Promise<void>; open: () => void } {
  const { promise: passed, resolve: open } = Promise.withResolvers<void>()
  return { passed, open }
}
