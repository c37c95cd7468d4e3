// What we are documented to add to a request (a2a.md §1.4), worked out here a second time and from the words: the judge of what
// the proxy adds, and of what it leaves alone.
import { expect } from 'vitest'
import type { RandomRequest } from './random-requests.ts'

type Json = Record<string, unknown>

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/

/** @returns the request as it was sent, when something is missing in it that we add; else undefined */
export function incomplete({ body, headers }: RandomRequest): Json | undefined {
  if (!/^application\/([\w.-]+\+)?json\b/.test(headers['content-type'] ?? '')) return undefined
  const sent = read(body)
  if (!isObject(sent) || typeof sent['method'] !== 'string') return undefined
  if (!Object.hasOwn(sent, 'jsonrpc')) return sent
  return messageOf(sent) !== undefined && lacksSomething(messageOf(sent) ?? {}) ? sent : undefined
}

/** Holds what arrived against what was sent: everything is there, and only what was missing was added. */
export function expectCompleted(sent: Json, arrived: Uint8Array): void {
  const received = read(arrived)
  if (!isObject(received)) throw new Error(`not an object: ${Buffer.from(arrived).toString()}`)
  const params = sent['params'] as Json
  const [before, after] = [messageOf(sent), messageOf(received)]
  if (before !== undefined && after !== undefined) {
    takeBack(before, after, 'kind', (kind) => expect(kind).toBe('message'))
    takeBack(before, after, 'messageId', (added) => {
      if (params['messageId'] == null) expect(added).toMatch(UUID)
      else expect(added).toEqual(params['messageId'])
    })
    const parts = before['parts']
    if (Array.isArray(parts)) {
      for (const [at, part] of parts.entries()) {
        const arrivedPart = (after['parts'] as unknown[])[at]
        if (!isObject(part) || !isObject(arrivedPart)) continue
        takeBack(part, arrivedPart, 'kind', (kind) => expect(kind).toBe(kindOf(part)))
      }
    }
  }
  const isBare = !Object.hasOwn(sent, 'jsonrpc')
  if (isBare) {
    takeBack(sent, received, 'jsonrpc', (added) => expect(added).toBe('2.0'))
    takeBack(sent, received, 'id', (added) => expect(added).toMatch(UUID))
  }
  expect(received).toEqual(sent)
}

/** Removes from what arrived a member that was not sent. */
function takeBack(sent: Json, received: Json, name: string, check: (added: unknown) => void): void {
  if (Object.hasOwn(sent, name) || !Object.hasOwn(received, name)) return
  check(received[name])
  delete received[name]
}

function messageOf({ method, params }: Json): Json | undefined {
  const isSend = method === 'message/send' || method === 'message/stream'
  return isSend && isObject(params) && isObject(params['message']) ? params['message'] : undefined
}

const lacksSomething = (message: Json): boolean =>
  !Object.hasOwn(message, 'kind') ||
  !Object.hasOwn(message, 'messageId') ||
  (Array.isArray(message['parts']) && message['parts'].some((part) => kindOf(part) !== undefined))

/** The kind that we say a part has; undefined when we say nothing. */
function kindOf(part: unknown): unknown {
  if (!isObject(part) || Object.hasOwn(part, 'kind')) return undefined
  if (!Object.hasOwn(part, 'type')) return typeof part['text'] === 'string' ? 'text' : undefined
  return ['text', 'file', 'data'].includes(String(part['type'])) ? part['type'] : undefined
}

/** Plain UTF-8 JSON, numbers as they are spelled. Anything else is undefined: not for us to complete. */
function read(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return JSON.parse(text, (_name, value: unknown, context?: { source?: string }) =>
      typeof value === 'number' ? `number ${context?.source ?? ''}` : value,
    )
  } catch {
    return undefined
  }
}
