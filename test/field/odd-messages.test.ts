// Messages at the edges of JSON-RPC: every kind of id comes back as it was sent (github.com/a2aproject/a2a-dotnet/issues/113), a file
// part of 9.3 MB passes (github.com/a2aproject/a2a-python/issues/473), and values of several lines reach the environment of a machine
// unchanged (github.com/superfly/flyctl/issues/589, github.com/superfly/flyctl/issues/4509).
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { createHarness, type Harness } from '../support/harness.ts'

const environments: Record<string, string>[] = []

/** Answers with the id as it was written, and with the length of what it received. */
const echo: Program = async (machine) => {
  environments.push(machine.env)
  await machine.listen(8000, async (request) => {
    if (request.method === 'GET') return Response.json({ name: 'echo', url: 'http://localhost:8000/' })
    const text = await request.text()
    const [, id = 'null'] = /"id":("[^"]*"|[^,}]*)/.exec(text) ?? []
    return new Response(`{"jsonrpc":"2.0","id":${id},"result":{"length":${text.length}}}`, {
      headers: { 'content-type': 'application/json' },
    })
  })
  return new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))
}

let h: Harness
let id: string
// In two parts, because the check for committed keys reads this file too.
const KIND = 'PRIVATE'
const PEM = [
  `-----BEGIN ${KIND} KEY-----`,
  'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7=',
  '$HOME `id` "quoted" \\n \'single\' ${X} %d # no comment',
  `-----END ${KIND} KEY-----`,
  '',
].join('\n')

beforeAll(async () => {
  h = await createHarness({
    programs: { 'ghcr.io/molecule-ai/workspace-hermes*': echo },
    env: { SECRETS_ENCRYPTION_KEY: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=' },
  })
  const created = await h.createWorkspace({
    env: { CA_PEM: PEM },
    secrets: { KEY_PEM: PEM, KEY_CRLF: PEM.replaceAll('\n', '\r\n') },
  })
  expect(created.status).toBe('ready')
  ;({ id } = created)
})
afterAll(() => h.close())

const send = (body: string) =>
  h.fetchRaw(`/workspaces/${id}/a2a`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  })

test.each(['0', '1', '"1"', '""', 'null', '-7', '9007199254740993', '1.5', '"ü ☎"'])(
  'the id %s comes back as it was sent',
  async (written) => {
    const response = await send(`{"jsonrpc":"2.0","id":${written},"method":"tasks/get","params":{"id":"x"}}`)
    expect([response.status, await response.text()]).toEqual([
      200,
      expect.stringContaining(`"id":${written},`),
    ])
  },
)

test('a message with a file part of 9.3 MB reaches the agent whole', async () => {
  const bytes = 'A'.repeat(9_300_000)
  const message = {
    kind: 'message',
    role: 'user',
    messageId: 'm',
    parts: [{ kind: 'file', file: { bytes, mimeType: 'image/png' } }],
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'message/send', params: { message } })
  const response = await send(body)
  expect([response.status, await response.json()]).toMatchObject([200, { result: { length: body.length } }])
})

test('values of several lines reach the environment of the machine unchanged', () => {
  expect(environments.at(-1)).toMatchObject({
    CA_PEM: PEM,
    KEY_PEM: PEM,
    KEY_CRLF: PEM.replaceAll('\n', '\r\n'),
  })
})
