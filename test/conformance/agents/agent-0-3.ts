// An agent made with the official SDK 0.3: most deployed agents speak 0.3. JSON-RPC at the root, no HTTP+JSON.
import type { AgentCard, Message, TaskArtifactUpdateEvent, TaskStatusUpdateEvent } from 'a2a-sdk-0-3'
import {
  type AgentExecutor,
  DefaultRequestHandler,
  type ExecutionEventBus,
  InMemoryPushNotificationStore,
  InMemoryTaskStore,
  type RequestContext,
} from 'a2a-sdk-0-3/server'
import { agentCardHandler, jsonRpcHandler, UserBuilder } from 'a2a-sdk-0-3/server/express'
import express from 'express'
import { EXTENSION } from './agent-1-0.ts'
import { behave, Holds, type Publisher } from './behaviour.ts'
import { type ConformanceAgent, serveAgent } from './conformance-agent.ts'

/** @param capable true: it streams, pushes and has an extended card. False: it refuses all three. */
export async function startAgent0_3(capable: boolean): Promise<ConformanceAgent> {
  const holds = new Holds()
  const socket = await serveAgent((authority) => {
    const card = buildCard(authority, capable)
    const handler = new DefaultRequestHandler(
      card,
      new InMemoryTaskStore(),
      createExecutor(holds),
      undefined,
      capable ? new InMemoryPushNotificationStore() : undefined,
      undefined,
      capable ? () => Promise.resolve({ ...card, description: 'known to friends only' }) : undefined,
    )
    const app = express()
    app.use('/.well-known/agent-card.json', agentCardHandler({ agentCardProvider: handler }))
    app.use('/', jsonRpcHandler({ requestHandler: handler, userBuilder: UserBuilder.noAuthentication }))
    return app
  })
  return {
    ...socket,
    paths: { jsonRpc: '/', rest: undefined },
    release: (taskId) => holds.end(taskId, 'released'),
  }
}

function buildCard(authority: string, capable: boolean): AgentCard {
  const url = `http://${authority}/`
  return {
    protocolVersion: '0.3.0',
    name: 'conformance 0.3',
    description: 'made with the official SDK, the older line',
    version: '0.3.0',
    url,
    preferredTransport: 'JSONRPC',
    additionalInterfaces: [
      { url, transport: 'JSONRPC' },
      { url: authority, transport: 'GRPC' },
    ],
    supportsAuthenticatedExtendedCard: capable,
    signatures: [{ protected: 'eyJhbGciOiJFUzI1NiJ9', signature: 'b2YgdGhlIG9sZCBhZGRyZXNzZXM' }],
    securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'x-agent-key' } },
    security: [{ key: [] }],
    capabilities: {
      streaming: capable,
      pushNotifications: capable,
      extensions: [{ uri: EXTENSION, description: 'activated when asked for', required: false }],
    },
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: [
      {
        id: 'all',
        name: 'All',
        description: 'every way to answer',
        tags: ['test'],
        security: [{ key: [] }],
      },
    ],
  }
}

function createExecutor(holds: Holds): AgentExecutor {
  return {
    async execute(call, bus) {
      const { context, task, taskId, userMessage } = call
      for (const uri of context?.requestedExtensions ?? []) context?.addActivatedExtension(uri)
      const text = userMessage.parts.map((part) => (part.kind === 'text' ? part.text : '')).join('')
      await behave({
        text,
        isFollowUp: task !== undefined,
        publisher: publisherOf(call, bus),
        held: holds.hold(taskId),
      })
      bus.finished()
    },
    cancelTask(taskId) {
      holds.end(taskId, 'canceled')
      return Promise.resolve()
    },
  }
}

function publisherOf({ contextId, taskId, userMessage }: RequestContext, bus: ExecutionEventBus): Publisher {
  const message = (text: string, ids: Partial<Message>): Message => ({
    kind: 'message',
    messageId: crypto.randomUUID(),
    role: 'agent',
    parts: [{ kind: 'text', text }],
    ...ids,
  })
  const timestamp = () => new Date().toISOString()
  return {
    message: (text) => bus.publish(message(text, { contextId })),
    task: (state) =>
      bus.publish({
        kind: 'task',
        id: taskId,
        contextId,
        status: { state, timestamp: timestamp() },
        history: [userMessage],
      }),
    status(state, text) {
      const update: TaskStatusUpdateEvent = {
        kind: 'status-update',
        taskId,
        contextId,
        status: { state, message: message(text, { taskId, contextId }), timestamp: timestamp() },
        final: state !== 'submitted' && state !== 'working',
      }
      bus.publish(update)
    },
    artifact({ text, append, last }) {
      const update: TaskArtifactUpdateEvent = {
        kind: 'artifact-update',
        taskId,
        contextId,
        artifact: { artifactId: 'result', name: 'result', parts: [{ kind: 'text', text }] },
        append,
        lastChunk: last,
      }
      bus.publish(update)
    },
  }
}
