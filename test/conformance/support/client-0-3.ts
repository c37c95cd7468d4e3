// The official client of SDK 0.3: calls every method it has, and collects the results.
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

/** @param base the client looks for the card below this URL */
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

/** The deprecated client class, which many programs still use. */
export async function sendWithOldestClient(
  fetchImpl: typeof fetch,
  cardUrl: string,
  text: string,
): Promise<unknown> {
  const client = await A2AClient.fromCardUrl(cardUrl, { fetchImpl })
  return [await client.sendMessage(paramsOf(text)), await all(client.sendMessageStream(paramsOf('chunks')))]
}

const paramsOf = (text: string, extra: object = {}, wait = true): MessageSendParams => ({
  message: {
    kind: 'message',
    messageId: `message-${text}`,
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
  const result = await client.sendMessage(paramsOf(text, {}, wait))
  if (result.kind !== 'task') throw new Error(`no task for ${text}`)
  return result
}

/** Calls every method, and returns the results and the card. */
export async function runScenario({ client, factory }: { client: Client; factory: ClientFactory }) {
  const made = await task(client, 'make')
  const asked = await task(client, 'ask')
  const held = await task(client, 'hold', false)
  const config = { id: asked.id, pushNotificationConfigId: 'one' }
  const hook = {
    taskId: asked.id,
    pushNotificationConfig: { id: 'one', url: 'https://example.com/hook', token: 'secret' },
  }
  let canceled: unknown
  const result = {
    sent: await client.sendMessage(paramsOf('hello')),
    made,
    read: await client.getTask({ id: made.id, historyLength: 1 }),
    streamed: await all(client.sendMessageStream(paramsOf('chunks'))),
    config: await client.setTaskPushNotificationConfig(hook),
    configs: [
      await client.getTaskPushNotificationConfig(config),
      await client.listTaskPushNotificationConfig({ id: asked.id }),
      await client.deleteTaskPushNotificationConfig(config),
      await caught(client.getTaskPushNotificationConfig(config)),
    ],
    answered: await client.sendMessage(paramsOf('this one', { taskId: asked.id })),
    followed: await all(client.resubscribeTask({ id: held.id }), async () => {
      canceled = await client.cancelTask({ id: held.id })
    }),
    refused: [
      await caught(client.getTask({ id: 'unknown' })),
      await caught(client.cancelTask({ id: made.id })),
      await caught(client.sendMessage(paramsOf('on', { taskId: 'unknown' }))),
      await caught(all(client.sendMessageStream(paramsOf('on', { taskId: 'unknown' })))),
      await caught(all(client.resubscribeTask({ id: 'unknown' }))),
      await caught(client.setTaskPushNotificationConfig({ ...hook, taskId: 'unknown' })),
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
