// Secrets are planted in every place that takes one, and then everything that comes out of the system is searched for them:
// responses, logs, the database, and outgoing requests except the one where each belongs.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sql } from 'drizzle-orm'
import * as schema from '../../drizzle/schema/index.ts'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { EVENT_TYPE_NAMES } from '../../lib/events/event-types.ts'
import { askRegion, createHarness, type Harness, type Json } from '../support/harness.ts'

const ADMIN = 'canary-of-the-admin-token'
const FLY = 'canary-of-the-fly-token'
const KEY = Buffer.from('canary-of-the-encryption-key-32b').toString('base64')

let h: Harness
/** The planted secrets by description, which names one that is found. */
const canaries: Record<string, string> = {
  ADMIN_TOKEN: ADMIN,
  FLY_API_TOKEN: FLY,
  SECRETS_ENCRYPTION_KEY: KEY,
}
/** Every response of the API. */
const answers: { path: string; text: string }[] = []
let id: string
/** The answer of the command. */
let printed: string

/** The sample agent of an image that prints all of its secrets. */
const printSecrets: Program = (machine) => {
  const { PLAIN: _plain, ...secrets } = machine.env
  for (const [name, value] of Object.entries(secrets))
    machine.log(`${name}=${value} ${btoa(value)} ${encodeURIComponent(value)}`)
  return sampleAgent(machine)
}

beforeAll(async () => {
  h = await createHarness({
    env: { ADMIN_TOKEN: ADMIN, FLY_API_TOKEN: FLY, SECRETS_ENCRYPTION_KEY: KEY },
    programs: { 'ghcr.io/molecule-ai/workspace-hermes*': printSecrets },
  })

  Object.assign(canaries, {
    'a secret of a workspace': 'canary-of-a-workspace',
    'a secret of a new workspace': 'canary-given-at-creation',
    'a secret for all': 'canary-for-all',
    'a value of env': 'canary-in-env',
  })
  const call = async (method: string, path: string, json?: unknown, headers: Record<string, string> = {}) => {
    const response = await h.fetchRaw(path, {
      method,
      headers: { authorization: `Bearer ${ADMIN}`, ...headers },
      ...(json === undefined ? {} : { json }),
    })
    const text = await response.text()
    answers.push({ path: `${method} ${path}`, text: `${text} ${JSON.stringify([...response.headers])}` })
    return text.startsWith('{') ? (JSON.parse(text) as Json) : {}
  }
  /** Sends a request whose response shows a secret once, and removes it from the recorded response. */
  const shownOnce = async (what: string, path: string, member: string, json?: unknown): Promise<string> => {
    const shown = String((await call('POST', path, json))[member])
    canaries[what] = shown
    const answer = answers.at(-1)
    if (answer !== undefined) answer.text = answer.text.replace(shown, '')
    return shown
  }

  const made = await call(
    'POST',
    '/workspaces',
    {
      name: 'canary',
      runtime: 'hermes',
      env: { PLAIN: canaries['a value of env'] },
      secrets: { BORN: canaries['a secret of a new workspace'] },
    },
    { prefer: 'wait=20', 'idempotency-key': 'canary' },
  )
  id = String(made['id'])
  await call('PUT', '/settings/secrets', { key: 'ALL', value: canaries['a secret for all'] })
  await call(
    'PUT',
    `/workspaces/${id}/secrets?restart=true`,
    {
      key: 'OWN',
      value: canaries['a secret of a workspace'],
    },
    { prefer: 'wait=20' },
  )
  await call('GET', `/workspaces/${id}`, undefined, { prefer: 'wait=20' })
  const apiToken = await shownOnce('an API token', '/tokens', 'token', {
    name: 'canary',
    scopes: ['operate'],
  })
  await shownOnce('a webhook secret', '/webhook-endpoints', 'secret', { url: 'https://hooks.example.com' })
  const asked = await shownOnce('a token of a workspace', `/workspaces/${id}/tokens`, 'auth_token')
  const hookSecret = await shownOnce('the secret of a hook', `/workspaces/${id}/hooks`, 'secret', {
    name: 'canary',
    scheme: 'bearer',
  })
  const hook = `/webhooks/workspaces/${id}/canary`
  await call('POST', hook, {}, { authorization: `Bearer ${hookSecret}` })
  await call('POST', hook, {}, { authorization: `Basic ${hookSecret}` })
  canaries['the token of the machine'] = await h.tokenOf(id)
  const registered = { id, url: 'http://x', agent_card: { name: 'canary' } }
  const { platform_inbound_secret } = await call('POST', '/registry/register', registered, {
    authorization: `Bearer ${asked}`,
  })
  canaries['the inbound secret'] = String(platform_inbound_secret)
  const last = answers.at(-1)
  if (last !== undefined) last.text = last.text.replace(String(platform_inbound_secret), '')

  for (const authorization of [`Bearer ${ADMIN}`, `Bearer ${apiToken}`, `Bearer ${asked}`]) {
    await call('POST', `/workspaces/${id}/a2a`, askRegion(), { authorization })
    await call('POST', `/workspaces/${id}/a2a`, askRegion(), { authorization, prefer: 'respond-async' })
    await call('PATCH', `/workspaces/${id}`, { tier: 77, authorization }, { authorization })
    await call('POST', `/workspaces/${id}/pause`, undefined, { authorization: authorization.slice(0, -1) })
  }
  // Invalid requests that contain secrets, and a failure of Fly.
  await call('PUT', '/settings/secrets', { key: 'PLATFORM_URL', value: canaries['a secret for all'] })
  await call('PUT', '/settings/secrets', { key: 'A', value: [canaries['a secret for all']] })
  await call('POST', '/workspaces', { name: 'x', secrets: { 'NO-NAME': canaries['a secret for all'] } })
  const fault = h.emulator.faults.add({ kind: 'answer', status: 500, action: 'secrets.update' })
  await call('POST', `/workspaces/${id}/restart`, undefined, { prefer: 'wait=2' })
  await call('GET', `/workspaces/${id}/explain`)
  h.emulator.faults.remove(fault)
  await h.untilIdle()
  // A command that prints its environment: its answer may have secrets, and nothing else may.
  const command = await h.fetchRaw(`/workspaces/${id}/exec`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN}` },
    json: { command: ['env'], env: { GIVEN: 'given-to-a-command' } },
  })
  printed = await command.text()
  await call('GET', `/workspaces/${id}/logs?tail=1000`)
  await call('GET', `/workspaces/${id}/logs?tail=1000`, undefined, { accept: 'text/plain' })
  await h.untilIdle()
  for (const path of [
    '/webhook-endpoints',
    '/workspaces',
    `/workspaces/${id}`,
    `/workspaces/${id}/explain`,
    `/workspaces/${id}/secrets`,
    `/workspaces/${id}/tokens`,
    `/workspaces/${id}/hooks`,
    `/workspaces/${id}/hooks/canary`,
    `/workspaces/${id}/activity`,
    `/workspaces/${id}/messages`,
    `/workspaces/${id}/a2a/.well-known/agent-card.json`,
    '/settings/secrets',
    '/tokens',
    '/audit?limit=1000',
    `/events?limit=1000&types=${EVENT_TYPE_NAMES.join(',')}`,
    '/fleet',
    '/regions',
    '/healthz',
    '/openapi.json',
    '/docs',
  ])
    await call('GET', path)
  await h.flushActivity()
})
afterAll(() => h.close())

/** Encodings in which a secret could appear. */
const disguises = (canary: string) => [canary, btoa(canary), encodeURIComponent(canary)]

function search(where: string, text: string, except: readonly string[] = []): string[] {
  return Object.entries(canaries)
    .filter(([what]) => !except.includes(what))
    .filter(([, canary]) => disguises(canary).some((one) => text.includes(one)))
    .map(([what]) => `${what} is in ${where}`)
}

describe('planted secrets', () => {
  test('every planted secret is long enough to be found', () => {
    for (const [what, canary] of Object.entries(canaries))
      expect([what, canary.length > 12]).toEqual([what, true])
    expect(Object.keys(canaries)).toHaveLength(13)
  })

  test('no response contains a planted secret', () => {
    expect(answers.length).toBeGreaterThan(30)
    expect(answers.flatMap(({ path, text }) => search(path, text))).toEqual([])
  })

  test('a command can read the secrets, and only its answer shows them', () => {
    expect(printed).toContain(canaries['a secret of a workspace'])
    const log = answers.filter(({ path }) => path.includes('/logs')).map(({ text }) => text)
    expect(log).toHaveLength(2)
    for (const text of log) expect(text).toContain('OWN=[secret]')
    const entries = answers.find(({ path }) => path.startsWith('GET /audit'))?.text ?? ''
    expect(entries).toContain('"command":"env"')
    expect(JSON.stringify(answers)).not.toContain('given-to-a-command')
  })

  test('no log line contains a planted secret', async () => {
    const lines = (await h.logs()).map(({ fields, message }) =>
      JSON.stringify([message, fields], (_, value: unknown) =>
        value instanceof Error ? `${value.stack ?? ''} ${String(value.cause)}` : value,
      ),
    )
    expect(lines.length).toBeGreaterThan(50)
    expect(lines.flatMap((line) => search(line, line))).toEqual([])
  })

  test('the database contains no planted secret except env values, which are not secrets', async () => {
    const [dump] = await h.db
      .select({ text: sql<string>`database_to_xml(true, false, '')::text` })
      .from(schema.controlPlane)
    expect(dump?.text).toContain(id)
    expect(search('the database', dump?.text ?? '', ['a value of env'])).toEqual([])
  })

  test('no outgoing request contains a planted secret except where it belongs', () => {
    const machines = h.outgoing.filter(({ url }) => url.includes('/machines'))
    expect(machines.length).toBeGreaterThan(3)
    // They are found where they belong, which shows that the search works.
    const delivered = h.outgoing.filter(({ url }) => url.endsWith('/secrets')).map(({ body }) => body)
    expect(search('delivery', delivered.join(' '))).toEqual(
      expect.arrayContaining(
        ['a secret of a workspace', 'a secret for all', 'the token of the machine', 'the inbound secret'].map(
          (what) => `${what} is in delivery`,
        ),
      ),
    )
    for (const { body, headers, method, url } of h.outgoing) {
      const isFly = url.startsWith('http://fly.test')
      const isSecrets = isFly && method === 'POST' && url.endsWith('/secrets')
      const sent = JSON.stringify([...headers].filter(([name]) => name !== 'authorization'))
      const where = `${method} ${url}`
      expect(search(where, `${url} ${sent}`)).toEqual([])
      // The Fly token goes to Fly, the inbound secret to the agent.
      const credential = headers.get('authorization') ?? ''
      expect(
        search(where, credential, [
          isFly ? 'FLY_API_TOKEN' : 'the inbound secret',
          ...(url.startsWith('http://platform.test') ? ['the token of the machine'] : []),
        ]),
      ).toEqual([])
      if (!isSecrets) expect(search(where, body, ['a value of env'])).toEqual([])
    }
  })
})
