// A client for stored messages, which are sent with `Prefer: respond-async`: its functions call the harness of the test file.
import { eq } from 'drizzle-orm'
import type { PgUpdateSetSource } from 'drizzle-orm/pg-core'
import { messages } from '../../drizzle/schema/index.ts'
import type { Harness, Json } from './harness.ts'
import { SCRIPTED_AGENT_IMAGE } from './scripted-agent.ts'

export type Headers = Record<string, string>
export type MessageView = Json & { id: string; state: string; url: string; message_id: string }
export type Message = { text?: string; messageId?: string; contextId?: string; id?: unknown }

export const ADMIN_TOKEN = 'an-admin-of-this-test'
/** Settings of the harness that the client expects. */
export const MESSAGE_SETTINGS = { ADMIN_TOKEN, A2A_MAX_BODY_BYTES: '50000' }
export const ADMIN = { authorization: `Bearer ${ADMIN_TOKEN}` }

/** A JSON-RPC request that sends a message. */
export const envelope = ({ id = 1, text = 'hello', ...message }: Message = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'message/send',
  params: {
    message: {
      kind: 'message',
      role: 'user',
      messageId: crypto.randomUUID(),
      parts: [{ kind: 'text', text }],
      ...message,
    },
  },
})

/** The path of a URL, such as a `Location` header. */
export const pathOf = (location: string | null) => new URL(location ?? '').pathname

/** @param harness of the test file, once it is open; its ADMIN_TOKEN must be the one above */
export function messageClient(harness: () => Harness) {
  /** Creates a workspace that runs the scripted agent. @returns its id */
  async function create(fields: Json = {}): Promise<string> {
    const { body } = await harness().request<{ id: string }>('/workspaces', {
      method: 'POST',
      headers: { ...ADMIN, prefer: 'wait=20' },
      json: { name: 'scripted-agent', tier: 2, image: SCRIPTED_AGENT_IMAGE, ...fields },
    })
    // A reconcile that still runs would time out when the clock is moved.
    await harness().untilIdle()
    return body.id
  }

  const command = (id: string, name: string) =>
    harness().request(`/workspaces/${id}/${name}`, {
      method: 'POST',
      headers: { ...ADMIN, prefer: 'wait=20' },
    })
  const remove = (id: string) => harness().request(`/workspaces/${id}`, { method: 'DELETE', headers: ADMIN })
  const tokenOf = async (id: string) => ({ authorization: `Bearer ${await harness().tokenOf(id)}` })

  const post = (to: string, json: unknown, headers: Headers = ADMIN, query = '') =>
    harness().request<MessageView>(`/workspaces/${to}/a2a${query}`, {
      method: 'POST',
      headers: { ...headers, prefer: 'respond-async' },
      json,
    })

  /** Sends a message that must be accepted. @returns its path */
  async function send(to: string, message: Message = {}): Promise<string> {
    const { status, headers } = await post(to, envelope(message))
    if (status !== 202) throw new Error(`the message was answered with ${status}`)
    return pathOf(headers.get('location'))
  }

  /** Sends a message to a control plane that ends before it delivers it. @returns its path */
  async function sendUndelivered(to: string, message: Message = {}): Promise<string> {
    await harness().setCanRunInBackground(false)
    const path = await send(to, message)
    await harness().setCanRunInBackground(true)
    return path
  }

  const read = (path: string, headers: Headers = ADMIN) => harness().request<MessageView>(path, { headers })
  const stateOf = async (path: string) => (await read(path)).body.state
  const finished = async (path: string) => (await read(path, { ...ADMIN, prefer: 'wait=20' })).body

  const rowOf = (path: string) => eq(messages.id, path.split('/').at(-1) ?? '')
  /** Changes the stored row of a message. */
  const change = (path: string, fields: PgUpdateSetSource<typeof messages>) =>
    harness().db.update(messages).set(fields).where(rowOf(path))

  return {
    create,
    command,
    remove,
    tokenOf,
    post,
    send,
    sendUndelivered,
    read,
    stateOf,
    finished,
    rowOf,
    change,
  }
}
