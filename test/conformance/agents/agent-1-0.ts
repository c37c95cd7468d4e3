// An agent made with the official SDK 1.3 and its compatibility layer: it speaks 1.0 and 0.3 at one address. JSON-RPC and
// HTTP+JSON have separate paths, as in the SDK's own conformance agent (docs/facts/a2a.md §4.4).
import { AgentCard, Message, Task, TaskArtifactUpdateEvent, TaskStatusUpdateEvent } from '@a2a-js/sdk'
import {
  AgentEvent,
  type AgentExecutor,
  DefaultRequestHandler,
  type ExecutionEventBus,
  InMemoryPushNotificationStore,
  InMemoryTaskStore,
  type RequestContext,
} from '@a2a-js/sdk/server'
import { agentCardHandler, jsonRpcHandler, restHandler, UserBuilder } from '@a2a-js/sdk/server/express'
import express from 'express'
import { behave, Holds, type State, type Publisher } from './behaviour.ts'
import { type ConformanceAgent, serveAgent } from './conformance-agent.ts'

export const EXTENSION = 'https://example.com/extensions/conformance/v1'

const JSON_RPC = '/a2a/jsonrpc'
const REST = '/a2a/rest'

/** @param capable true: it streams, pushes and has an extended card. False: it refuses all three. */
export async function startAgent1_0(capable: boolean): Promise<ConformanceAgent> {
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
    const options = {
      requestHandler: handler,
      userBuilder: UserBuilder.noAuthentication,
      legacyCompat: { enabled: true },
    }
    const app = express()
    app.use(
      '/.well-known/agent-card.json',
      agentCardHandler({ agentCardProvider: handler, legacyCompat: { enabled: true } }),
    )
    app.use(JSON_RPC, jsonRpcHandler(options))
    app.use(REST, restHandler(options))
    return app
  })
  return {
    ...socket,
    paths: { jsonRpc: JSON_RPC, rest: REST },
    release: (taskId) => holds.end(taskId, 'released'),
  }
}

function buildCard(authority: string, capable: boolean): AgentCard {
  const at = (url: string, protocolBinding: string) =>
    ['1.0', '0.3'].map((protocolVersion) => ({ url, protocolBinding, protocolVersion }))
  return AgentCard.fromJSON({
    name: 'conformance 1.0',
    description: 'made with the official SDK, both lines',
    version: '1.0.0',
    supportedInterfaces: [
      ...at(`http://${authority}${JSON_RPC}`, 'JSONRPC'),
      ...at(`http://${authority}${REST}`, 'HTTP+JSON'),
      ...at(authority, 'GRPC'),
    ],
    provider: { organization: 'Example', url: 'https://example.com/provider' },
    documentationUrl: 'https://example.com/docs',
    iconUrl: 'https://example.com/icon.png',
    securitySchemes: { key: { apiKeySecurityScheme: { location: 'header', name: 'x-agent-key' } } },
    securityRequirements: [{ schemes: { key: { list: [] } } }],
    signatures: [{ protected: 'eyJhbGciOiJFUzI1NiJ9', signature: 'b2YgdGhlIG9sZCBhZGRyZXNzZXM' }],
    capabilities: {
      streaming: capable,
      pushNotifications: capable,
      extendedAgentCard: capable,
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
        securityRequirements: [{ schemes: { key: { list: [] } } }],
      },
    ],
  })
}

function createExecutor(holds: Holds): AgentExecutor {
  return {
    execute(call, bus) {
      for (const uri of call.context.requestedExtensions ?? []) call.context.addActivatedExtension(uri)
      const texts = call.userMessage.parts.map(({ content }) =>
        content?.$case === 'text' ? content.value : '',
      )
      return behave({
        text: texts.join(''),
        isFollowUp: call.task !== undefined,
        publisher: publisherOf(call, bus),
        held: holds.hold(call.taskId),
      })
    },
    // `behave` publishes the last status, so that a task has one publisher.
    cancelTask(taskId) {
      holds.end(taskId, 'canceled')
      return Promise.resolve()
    },
  }
}

const stateOf = (state: State) => `TASK_STATE_${state.toUpperCase().replace('-', '_')}`

function publisherOf({ contextId, taskId, userMessage }: RequestContext, bus: ExecutionEventBus): Publisher {
  const message = (text: string, ids: object) =>
    Message.fromJSON({ ...ids, messageId: crypto.randomUUID(), role: 'ROLE_AGENT', parts: [{ text }] })
  const status = (state: State) => ({ state: stateOf(state), timestamp: new Date().toISOString() })
  return {
    message: (text) => bus.publish(AgentEvent.message(message(text, { contextId }))),
    task: (state) =>
      bus.publish(
        AgentEvent.task({
          ...Task.fromJSON({ id: taskId, contextId, status: status(state) }),
          history: [userMessage],
        }),
      ),
    status(state, text) {
      const json = Message.toJSON(message(text, { taskId, contextId }))
      const update = { taskId, contextId, status: { ...status(state), message: json } }
      bus.publish(AgentEvent.statusUpdate(TaskStatusUpdateEvent.fromJSON(update)))
    },
    artifact({ text, append, last }) {
      const artifact = { artifactId: 'result', name: 'result', parts: [{ text }] }
      const update = { taskId, contextId, artifact, append, lastChunk: last }
      bus.publish(AgentEvent.artifactUpdate(TaskArtifactUpdateEvent.fromJSON(update)))
    },
  }
}
