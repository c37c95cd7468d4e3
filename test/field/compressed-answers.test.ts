// Some agents compress their answers although they are asked not to (github.com/AsyncHttpClient/async-http-client/issues/1583): what
// is collected to be stored or parsed is decoded, and what cannot be decoded is an error of the agent.
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { collectResponse } from '../../lib/a2a/response/collect-response.ts'

function collect(encoding: string, body: Uint8Array, maxBytes = 1_000) {
  const { answer, reply } = collectResponse(maxBytes)
  reply.head(200, ['content-type', 'application/json', 'content-encoding', encoding], false)
  reply.end(body)
  return answer()
}

test('a compressed answer is stored decoded', async () => {
  const { body, status, type } = await collect('gzip', gzipSync('{"result":"ä"}'))
  expect([status, type, new TextDecoder().decode(body)]).toEqual([200, 'application/json', '{"result":"ä"}'])
})

test('an answer in an unknown encoding, a damaged one and a large one are errors of the agent', async () => {
  const refused = { reason: 'INVALID_AGENT_RESPONSE', delivered: 'yes' }
  await expect(collect('br', gzipSync('{}'))).rejects.toMatchObject(refused)
  await expect(collect('gzip', new Uint8Array(10))).rejects.toMatchObject(refused)
  await expect(collect('gzip', gzipSync('a'.repeat(5_000)))).rejects.toMatchObject(refused)
})
