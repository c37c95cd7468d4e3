// Bodies that other services send are read up to a limit, in decoded bytes.
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import {
  BodyTooLarge,
  decodeBounded,
  readBounded,
  readBoundedText,
} from '../../lib/platform/bounded-reader.ts'

test('a body of exactly the limit is read, and one byte more is refused', async () => {
  expect(await readBoundedText(new Response('12345'), 5)).toBe('12345')
  await expect(readBounded(new Response('123456'), 5)).rejects.toThrow(BodyTooLarge)
  expect(await readBounded(new Response(null), 5)).toEqual(new Uint8Array())
})

test('an endless body is cancelled as soon as the limit is passed', async () => {
  let pulled = 0
  let isCancelled = false
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++
      controller.enqueue(new Uint8Array(1000))
    },
    cancel() {
      isCancelled = true
    },
  })
  await expect(readBounded(new Response(body), 10_000)).rejects.toThrow(BodyTooLarge)
  expect(isCancelled).toBe(true)
  expect(pulled).toBeLessThan(15)
})

test('a body that declares a length over the limit is not read at all', async () => {
  let pulled = 0
  const body = new ReadableStream<Uint8Array>(
    { pull: () => void pulled++ },
    new CountQueuingStrategy({ highWaterMark: 0 }),
  )
  const response = new Response(body, { headers: { 'content-length': '6' } })
  await expect(readBounded(response, 5)).rejects.toThrow(BodyTooLarge)
  expect(pulled).toBe(0)
})

test('a compressed body is decoded up to the limit, so that a small bomb stays small', async () => {
  const bomb = gzipSync(new Uint8Array(50_000_000))
  expect(bomb.length).toBeLessThan(100_000)
  await expect(decodeBounded(bomb, 'gzip', 1_000_000)).rejects.toThrow(BodyTooLarge)
  const text = new TextDecoder().decode(await decodeBounded(gzipSync('{"a":1}'), ' GZIP ', 100))
  expect(text).toBe('{"a":1}')
})

test('an encoding that is unknown and a body that is damaged are not decoded', async () => {
  const bytes = new TextEncoder().encode('plain')
  expect(await decodeBounded(bytes, undefined, 100)).toBe(bytes)
  expect(await decodeBounded(bytes, 'identity', 100)).toBe(bytes)
  for (const encoding of ['gzip', 'br', 'constructor', 'gzip, gzip'])
    expect(await decodeBounded(bytes, encoding, 100)).toBeUndefined()
})
