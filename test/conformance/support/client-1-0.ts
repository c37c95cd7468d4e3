// The official client of the SDK 1.3 on its errands: every method it has, and what it got.
import { SendMessageRequest } from '@a2a-js/sdk'
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
  /** Only what a card says of 0.3 is looked at. */
  older?: boolean
}

/** @param base the address below which a card is looked for */
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

const say = (text: string, extra: object = {}, wait = true) =>
  SendMessageRequest.fromJSON({
    message: {
      messageId: `said-${text}`,
      role: 'ROLE_USER',
      parts: [{ text }, { data: { n: 1.5, list: [null, 'ü'] } }],
      ...extra,
    },
    configuration: { returnImmediately: !wait },
  })

async function task(client: Client, text: string, wait = true) {
  const result = await client.sendMessage(say(text, {}, wait))
  if (!('artifacts' in result)) throw new Error(`no task for ${text}`)
  return result
}

/** Everything that a client can ask, and what it was told. */
export async function runErrands({ client, factory }: { client: Client; factory: ClientFactory }) {
  const made = await task(client, 'make')
  const asked = await task(client, 'ask')
  const held = await task(client, 'hold', false)
  const config = { tenant: '', taskId: asked.id, id: 'one' }
  const hook = { ...config, url: 'https://example.com/hook', token: 'secret', authentication: undefined }
  let canceled: unknown
  const told = {
    said: await client.sendMessage(say('hello')),
    made,
    read: await client.getTask({ tenant: '', id: made.id, historyLength: 1 }),
    listed: await caught(
      client.listTasks({
        tenant: '',
        contextId: made.contextId,
        status: 0,
        pageToken: '',
        statusTimestampAfter: undefined,
      }),
    ),
    streamed: await all(client.sendMessageStream(say('chunks'))),
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
    answered: await client.sendMessage(say('this one', { taskId: asked.id })),
    followed: await all(client.resubscribeTask({ tenant: '', id: held.id }), async () => {
      canceled = await client.cancelTask({ tenant: '', id: held.id, metadata: undefined })
    }),
    refused: [
      await caught(client.getTask({ tenant: '', id: 'nobody' })),
      await caught(client.cancelTask({ tenant: '', id: made.id, metadata: undefined })),
      await caught(client.sendMessage(say('on', { taskId: 'nobody' }))),
      await caught(all(client.sendMessageStream(say('on', { taskId: 'nobody' })))),
      await caught(all(client.resubscribeTask({ tenant: '', id: 'nobody' }))),
      await caught(client.createTaskPushNotificationConfig({ ...hook, taskId: 'nobody' })),
    ],
  }
  // From now on the client believes the extended card, addresses included.
  const card = await client.getAgentCard()
  const friend = await factory.createFromAgentCard(card)
  const { defaultInputModes, description, name, version } = card
  return {
    told: {
      ...told,
      canceled,
      card: { defaultInputModes, description, name, version },
      friend: await friend.sendMessage(say('again')),
    },
    card: JSON.stringify(card),
  }
}
