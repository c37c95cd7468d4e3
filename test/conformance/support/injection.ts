// A second implementation of what the proxy adds to a request (docs/facts/a2a.md §1.4), written from the documentation: it
// checks what the proxy adds, and that it changes nothing else.
import { expect } from 'vitest'
import type { RandomRequest } from './random-requests.ts'

type Json = Record<string, unknown>

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/

/** @returns the parsed request if the proxy must add something to it, else undefined */
export function lacksMembers({ body, headers }: RandomRequest): Json | undefined {
  if (!/^application\/([\w.-]+\+)?json\b/.test(headers['content-type'] ?? '')) return undefined
  const sent = read(body)
  if (!isObject(sent) || typeof sent['method'] !== 'string') return undefined
  if (!Object.hasOwn(sent, 'jsonrpc')) return sent
  return messageOf(sent) !== undefined && lacksSomething(messageOf(sent) ?? {}) ? sent : undefined
}

/** Compares the request that arrived with the one that was sent: only missing members may have been added. */
export function expectCompleted(sent: Json, arrived: Uint8Array): void {
  const received = read(arrived)
  if (!isObject(received)) throw new Error(`not an object: ${Buffer.from(arrived).toString()}`)
  const params = sent['params'] as Json
  const [before, after] = [messageOf(sent), messageOf(received)]
  if (before !== undefined && after !== undefined) {
    removeAdded(before, after, 'kind', (kind) => expect(kind).toBe('message'))
    removeAdded(before, after, 'messageId', (added) => {
      if (params['messageId'] == null) expect(added).toMatch(UUID)
      else expect(added).toEqual(params['messageId'])
    })
    const parts = before['parts']
    if (Array.isArray(parts)) {
      for (const [at, part] of parts.entries()) {
        const arrivedPart = (after['parts'] as unknown[])[at]
        if (!isObject(part) || !isObject(arrivedPart)) continue
        removeAdded(part, arrivedPart, 'kind', (kind) => expect(kind).toBe(kindOf(part)))
      }
    }
  }
  const isBare = !Object.hasOwn(sent, 'jsonrpc')
  if (isBare) {
    removeAdded(sent, received, 'jsonrpc', (added) => expect(added).toBe('2.0'))
    removeAdded(sent, received, 'id', (added) => expect(added).toMatch(UUID))
  }
  expect(received).toEqual(sent)
}

/** Checks a member that was added, and removes it from the request that arrived. */
function removeAdded(sent: Json, received: Json, name: string, check: (added: unknown) => void): void {
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

/** The `kind` that the proxy adds to a part; undefined if it adds none. */
function kindOf(part: unknown): unknown {
  if (!isObject(part) || Object.hasOwn(part, 'kind')) return undefined
  if (!Object.hasOwn(part, 'type')) return typeof part['text'] === 'string' ? 'text' : undefined
  return ['text', 'file', 'data'].includes(String(part['type'])) ? part['type'] : undefined
}

/** Parses JSON in UTF-8, with numbers as written. Undefined for anything else, which the proxy does not complete. */
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
