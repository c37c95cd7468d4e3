// A stream that is silent for long is closed by proxies on the way (github.com/robhunter/agentdeals/issues/1098,
// github.com/maximhq/bifrost/issues/5010), so the control plane sends SSE comments between two events.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { exchange } from '../../lib/a2a/exchange.ts'
import type { ResponseWriter } from '../../lib/a2a/response/response-writer.ts'
import type { Receiver } from '../../lib/a2a/transport/transport.ts'
import { NO_ENVELOPE } from '../../lib/a2a/wire/json-rpc.ts'

const COMMENT = ': keep-alive\n\n'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function start(keepaliveMs: number, headers = ['content-type', 'text/event-stream']) {
  let received = ''
  let agent: Receiver | undefined
  const append = (chunk?: Uint8Array) => {
    received += new TextDecoder().decode(chunk)
    return true
  }
  const reply: ResponseWriter = {
    begun: false,
    head() {},
    write: append,
    end: append,
    destroy() {},
    listen() {},
  }
  const request = { origin: '', path: '/', method: 'POST', headers: [], body: undefined, silenceMs: 1 }
  const done = exchange(request, {
    transport(_request, receiver) {
      agent = receiver
      return { pause() {}, resume() {}, abort() {}, holdsBody: false }
    },
    reply,
    asked: { tail: '', envelope: NO_ENVELOPE },
    keepaliveMs,
  })
  agent?.head(200, headers, undefined)
  return {
    send: (text: string) => agent?.data(new TextEncoder().encode(text)),
    end: () => agent?.end(),
    done,
    received: () => received,
  }
}

test('a silent stream gets a comment after each interval, also before its first event', async () => {
  const stream = start(15_000)
  await vi.advanceTimersByTimeAsync(14_999)
  expect(stream.received()).toBe('')
  await vi.advanceTimersByTimeAsync(1)
  stream.send('data: 1\n\n')
  await vi.advanceTimersByTimeAsync(14_999)
  expect(stream.received()).toBe(`${COMMENT}data: 1\n\n`)
  await vi.advanceTimersByTimeAsync(30_001)
  stream.send('data: 2\r\n\r\n')
  await vi.advanceTimersByTimeAsync(15_000)
  stream.end()
  expect(await stream.done).toEqual({ kind: 'answered', status: 200 })
  await vi.advanceTimersByTimeAsync(60_000)
  expect(stream.received()).toBe(`${COMMENT}data: 1\n\n${COMMENT.repeat(3)}data: 2\r\n\r\n${COMMENT}`)
})

test('an event that has begun is never interrupted by a comment', async () => {
  const stream = start(15_000)
  stream.send('data: {"a":\n')
  await vi.advanceTimersByTimeAsync(60_000)
  stream.send('data: 1}\n\n')
  expect(stream.received()).toBe('data: {"a":\ndata: 1}\n\n')
  await vi.advanceTimersByTimeAsync(15_000)
  expect(stream.received()).toContain(COMMENT)
})

test('no comment is sent when it is turned off, in a JSON answer or in a compressed stream', async () => {
  const compressed = ['content-type', 'text/event-stream', 'content-encoding', 'gzip']
  for (const stream of [
    start(0),
    start(15_000, ['content-type', 'application/json']),
    start(15_000, compressed),
  ]) {
    await vi.advanceTimersByTimeAsync(60_000)
    expect(stream.received()).toBe('')
  }
})
