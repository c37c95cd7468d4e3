// The official client of SDK 1.3: calls every method it has, and collects the results.
import { SendMessageRequest, TaskState } from '@a2a-js/sdk'
import {
  type Client,
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from '@a2a-js/sdk/client'
import { all, caught } from './sdk-scenarios.ts'

export type Kind = {
  transport: 'JSONRPC' | 'HTTP+JSON'
  /** Uses only the 0.3 entries of the card. */
  older?: boolean
}

/** @param base the client looks for the card below this URL */
export async function createClient(fetchImpl: typeof fetch, base: string, kind: Kind) {
  const legacyCompat = { enabled: true }
  const resolver = new DefaultAgentCardResolver({ fetchImpl, legacyCompat })
  const factory = new ClientFactory({
    transports: [
      kind.transport === 'JSONRPC'
        ? new JsonRpcTransportFactory({ fetchImpl, legacyCompat })
        : new RestTransportFactory({ fetchImpl, legacyCompat }),
    ],
    cardResolver: resolver,
  })
  if (kind.older !== true) return { factory, client: await factory.createFromUrl(base) }
  const card = await resolver.resolve(base)
  const supportedInterfaces = card.supportedInterfaces.filter(
    ({ protocolVersion }) => protocolVersion === '0.3',
  )
  return { factory, client: await factory.createFromAgentCard({ ...card, supportedInterfaces }) }
}

const paramsOf = (text: string, extra: object = {}, wait = true) =>
  SendMessageRequest.fromJSON({
    message: {
      messageId: `message-${text}`,
      role: 'ROLE_USER',
      parts: [{ text }, { data: { n: 1.5, list: [null, 'ü'] } }],
      ...extra,
    },
    configuration: { returnImmediately: !wait },
  })

async function task(client: Client, text: string, wait = true) {
  const result = await client.sendMessage(paramsOf(text, {}, wait))
  if (!('artifacts' in result)) throw new Error(`no task for ${text}`)
  return result
}

/** Calls every method, and returns the results and the card. */
export async function runScenario({ client, factory }: { client: Client; factory: ClientFactory }) {
  const made = await task(client, 'make')
  const asked = await task(client, 'ask')
  const held = await task(client, 'hold', false)
  const config = { tenant: '', taskId: asked.id, id: 'one' }
  const hook = { ...config, url: 'https://example.com/hook', token: 'secret', authentication: undefined }
  let canceled: unknown
  const result = {
    sent: await client.sendMessage(paramsOf('hello')),
    made,
    read: await client.getTask({ tenant: '', id: made.id, historyLength: 1 }),
    listed: await caught(
      client.listTasks({
        tenant: '',
        contextId: made.contextId,
        status: TaskState.TASK_STATE_UNSPECIFIED,
        pageToken: '',
        statusTimestampAfter: undefined,
      }),
    ),
    streamed: await all(client.sendMessageStream(paramsOf('chunks'))),
    config: await client.createTaskPushNotificationConfig(hook),
    configs: [
      await client.getTaskPushNotificationConfig(config),
      await client.listTaskPushNotificationConfig({
        tenant: '',
        taskId: asked.id,
        pageSize: 0,
        pageToken: '',
      }),
      await client.deleteTaskPushNotificationConfig(config),
      await caught(client.getTaskPushNotificationConfig(config)),
    ],
    answered: await client.sendMessage(paramsOf('this one', { taskId: asked.id })),
    followed: await all(client.resubscribeTask({ tenant: '', id: held.id }), async () => {
      canceled = await client.cancelTask({ tenant: '', id: held.id, metadata: undefined })
    }),
    refused: [
      await caught(client.getTask({ tenant: '', id: 'unknown' })),
      await caught(client.cancelTask({ tenant: '', id: made.id, metadata: undefined })),
      await caught(client.sendMessage(paramsOf('on', { taskId: 'unknown' }))),
      await caught(all(client.sendMessageStream(paramsOf('on', { taskId: 'unknown' })))),
      await caught(all(client.resubscribeTask({ tenant: '', id: 'unknown' }))),
      await caught(client.createTaskPushNotificationConfig({ ...hook, taskId: 'unknown' })),
    ],
  }
  // The factory now uses the extended card, including its addresses.
  const card = await client.getAgentCard()
  const second = await factory.createFromAgentCard(card)
  const { defaultInputModes, description, name, version } = card
  return {
    result: {
      ...result,
      canceled,
      card: { defaultInputModes, description, name, version },
      second: await second.sendMessage(paramsOf('again')),
    },
    card: JSON.stringify(card),
  }
}
