// The messages of the bench, built once: requests of the clients and answers of the agent. All events have the same bytes, so
// that they can be counted by length.

/** What a streaming request asks for in `params.metadata`: one event at once, and then `events` more. */
export type StreamPlan = {
  /** The number of further events. */
  events: number
  /** Pause before the further events. */
  pauseMs?: number
  /** No further events, and no end. */
  idle?: boolean
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value))

export const CARD = json({ name: 'bench', description: 'answers at once', version: '1', skills: [] })

/** About 300 bytes. */
export const MESSAGE = json({
  jsonrpc: '2.0',
  id: '1',
  result: {
    kind: 'message',
    messageId: '7f0f1d9e-3c0b-4d43-9d5e-6d1f6f3f2b10',
    role: 'agent',
    parts: [
      {
        kind: 'text',
        text: 'I am running in ord on a machine with one shared CPU and 512 MB of memory, and I am ready.',
      },
    ],
    contextId: '1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed',
  },
})

export const EVENT = Buffer.from(
  `data: ${JSON.stringify({
    jsonrpc: '2.0',
    id: '1',
    result: {
      kind: 'artifact-update',
      taskId: 'c0a8012e-6d1f-4d43-9d5e-3c0b6f3f2b10',
      contextId: '1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed',
      artifact: { artifactId: 'answer', parts: [{ kind: 'text', text: ' and then' }] },
      append: true,
    },
  })}\n\n`,
)

export const unaryBody = requestBody('message/send', {})
export const streamBody = (plan: StreamPlan) => requestBody('message/stream', plan)

function requestBody(method: string, metadata: object): Buffer {
  return json({
    jsonrpc: '2.0',
    id: '1',
    method,
    params: {
      message: {
        kind: 'message',
        messageId: '0b7f6c1e-8f0e-4a39-a7c2-2f1d8e1c9a55',
        role: 'user',
        parts: [{ kind: 'text', text: 'What region are you running in?' }],
      },
      metadata,
    },
  })
}

export const isStreaming = (body: string) => body.includes('"message/stream"')

export const streamPlanOf = (body: string) =>
  (JSON.parse(body) as { params: { metadata: StreamPlan } }).params.metadata
