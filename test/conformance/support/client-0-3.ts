// The official client of the SDK 0.3 on its errands: every method it has, and what it got.
import type { MessageSendParams, Task } from 'a2a-sdk-0-3'
import {
  A2AClient,
  type Client,
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from 'a2a-sdk-0-3/client'
import { all, caught } from './sdk-scenarios.ts'

/** @param base the address below which a card is looked for */
export async function createClient(
  fetchImpl: typeof fetch,
  base: string,
  transport: 'JSONRPC' | 'HTTP+JSON',
) {
  const factory = new ClientFactory({
    transports: [
      transport === 'JSONRPC'
        ? new JsonRpcTransportFactory({ fetchImpl })
        : new RestTransportFactory({ fetchImpl }),
    ],
    cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
  })
  return { factory, client: await factory.createFromUrl(base) }
}

/** The client that came before, which many programs still use. */
export async function sayWithOldest(
  fetchImpl: typeof fetch,
  cardUrl: string,
  text: string,
): Promise<unknown> {
  const client = await A2AClient.fromCardUrl(cardUrl, { fetchImpl })
  return [await client.sendMessage(say(text)), await all(client.sendMessageStream(say('chunks')))]
}

const say = (text: string, extra: object = {}, wait = true): MessageSendParams => ({
  message: {
    kind: 'message',
    messageId: `said-${text}`,
    role: 'user',
    parts: [
      { kind: 'text', text },
      { kind: 'data', data: { n: 1.5, list: [null, 'ü'] } },
    ],
    ...extra,
  },
  configuration: { blocking: wait },
})

async function task(client: Client, text: string, wait = true): Promise<Task> {
  const result = await client.sendMessage(say(text, {}, wait))
  if (result.kind !== 'task') throw new Error(`no task for ${text}`)
  return result
}

/** Everything that a client can ask, and what it was told. */
export async function runErrands({ client, factory }: { client: Client; factory: ClientFactory }) {
  const made = await task(client, 'make')
  const asked = await task(client, 'ask')
  const held = await task(client, 'hold', false)
  const config = { id: asked.id, pushNotificationConfigId: 'one' }
  const hook = {
    taskId: asked.id,
    pushNotificationConfig: { id: 'one', url: 'https://example.com/hook', token: 'secret' },
  }
  let canceled: unknown
  const told = {
    said: await client.sendMessage(say('hello')),
    made,
    read: await client.getTask({ id: made.id, historyLength: 1 }),
    streamed: await all(client.sendMessageStream(say('chunks'))),
    config: await client.setTaskPushNotificationConfig(hook),
    configs: [
      await client.getTaskPushNotificationConfig(config),
      await client.listTaskPushNotificationConfig({ id: asked.id }),
      await client.deleteTaskPushNotificationConfig(config),
      await caught(client.getTaskPushNotificationConfig(config)),
    ],
    answered: await client.sendMessage(say('this one', { taskId: asked.id })),
    followed: await all(client.resubscribeTask({ id: held.id }), async () => {
      canceled = await client.cancelTask({ id: held.id })
    }),
    refused: [
      await caught(client.getTask({ id: 'nobody' })),
      await caught(client.cancelTask({ id: made.id })),
      await caught(client.sendMessage(say('on', { taskId: 'nobody' }))),
      await caught(all(client.sendMessageStream(say('on', { taskId: 'nobody' })))),
      await caught(all(client.resubscribeTask({ id: 'nobody' }))),
      await caught(client.setTaskPushNotificationConfig({ ...hook, taskId: 'nobody' })),
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
