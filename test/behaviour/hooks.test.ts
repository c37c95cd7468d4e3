// Other systems knock at a workspace: what they sign rightly reaches its agent, once per delivery, and whatever is wrong they
// are told the same.
import { createHmac } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fillQueue } from '../support/full-queue.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { createScriptedAgent, SCRIPTED_AGENT_IMAGE, reply } from '../support/scripted-agent.ts'

type Headers = Record<string, string>

const KEY = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='
const ADMIN = { authorization: 'Bearer an-admin-of-this-test' }
const SECRET = 'a-secret-of-this-test'
const HOUR = 3_600_000
const JSON_TYPE = { 'content-type': 'application/json' }
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' }

const puppet = createScriptedAgent()
let h: Harness
let agent: string
beforeAll(async () => {
  h = await createHarness({
    programs: { [SCRIPTED_AGENT_IMAGE]: puppet.program },
    env: {
      ADMIN_TOKEN: 'an-admin-of-this-test',
      SECRETS_ENCRYPTION_KEY: KEY,
      WEBHOOK_RATE_PER_MINUTE: '40',
      TRUSTED_PROXY: 'fly',
    },
  })
  await h.setCanRunInBackground(true)
  agent = await make()
})
afterAll(() => h.close())
beforeEach(async () => {
  await h.untilIdle()
  puppet.arrivals.length = 0
  puppet.answer = reply
})

async function make(): Promise<string> {
  const { body } = await call('POST', '/workspaces', { name: 'puppet', image: SCRIPTED_AGENT_IMAGE })
  await h.untilIdle()
  return String(body['id'])
}

const call = (method: string, path: string, json?: unknown, headers: Headers = {}) =>
  h.request(path, {
    method,
    headers: { ...ADMIN, prefer: 'wait=20', ...headers },
    ...(json === undefined ? {} : { json }),
  })

const secretOf = ({ secret }: Json) => (typeof secret === 'string' ? secret : undefined)

let count = 0
/** A hook with a name of its own. @returns its path and its secret */
async function makeHook(scheme: string, input: Json = {}, workspace = agent) {
  const name = `hook-${count++}`
  const given = scheme === 'slack' || scheme === 'stripe' ? { secret: SECRET } : {}
  const { status, body } = await call('POST', `/workspaces/${workspace}/hooks`, {
    name,
    scheme,
    ...given,
    ...input,
  })
  expect([status, body]).toEqual([201, expect.objectContaining({ name, scheme })])
  const path = new URL(String(body['url'])).pathname
  expect(path).toBe(`/webhooks/workspaces/${workspace}/${name}`)
  return { name, path, secret: secretOf(body) ?? secretOf(input) ?? SECRET }
}

const post = (path: string, body: string | Uint8Array, headers: Headers) =>
  h.request(path, { method: 'POST', headers, body: body as BodyInit })

const hmac = (secret: string, text: string) => createHmac('sha256', secret).update(text).digest('hex')
const seconds = () => Math.floor(h.now().getTime() / 1000)

/** How each sender signs. */
const sign: Record<string, (secret: string, body: string, delivery?: string, at?: number) => Headers> = {
  standard: (secret, body, delivery = crypto.randomUUID(), at = seconds()) => ({
    ...JSON_TYPE,
    'webhook-id': delivery,
    'webhook-timestamp': String(at),
    'webhook-signature': new Webhook(secret).sign(delivery, new Date(at * 1000), body),
  }),
  github: (secret, body, delivery = crypto.randomUUID()) => ({
    ...JSON_TYPE,
    'x-github-event': 'pull_request',
    'x-github-delivery': delivery,
    'x-hub-signature-256': `sha256=${hmac(secret, body)}`,
  }),
  gitea: (secret, body, delivery = crypto.randomUUID()) => ({
    ...JSON_TYPE,
    'x-gitea-event': 'pull_request',
    'x-gitea-delivery': delivery,
    'x-gitea-signature': hmac(secret, body),
  }),
  slack: (secret, body, _delivery, at = seconds()) => ({
    ...JSON_TYPE,
    'x-slack-request-timestamp': String(at),
    'x-slack-signature': `v0=${hmac(secret, `v0:${at}:${body}`)}`,
  }),
  stripe: (secret, body, _delivery, at = seconds()) => ({
    ...JSON_TYPE,
    'stripe-signature': `t=${at},v1=${'0'.repeat(64)},v1=${hmac(secret, `${at}.${body}`)}`,
  }),
  bearer: (secret, _body, delivery = crypto.randomUUID()) => ({
    ...JSON_TYPE,
    authorization: `Bearer ${secret}`,
    'idempotency-key': delivery,
  }),
}

/** What each sends, with the name that it gives to its delivery. */
const bodies: Record<string, (delivery: string) => Json> = {
  standard: () => ({ type: 'image.published', data: { tag: '1.2.3' } }),
  github: () => ({ action: 'opened', pull_request: { title: 'Fix it' } }),
  gitea: () => ({ action: 'opened', pull_request: { title: 'Fix it' } }),
  slack: (delivery) => ({
    type: 'event_callback',
    event_id: delivery,
    event: { type: 'app_mention', text: 'hello' },
  }),
  stripe: (delivery) => ({ id: delivery, object: 'event', type: 'invoice.paid' }),
  bearer: () => ({ event: 'build_failed', url: 'https://ci.example' }),
}
const SCHEMES = Object.keys(bodies)
const EVENTS: Headers = {
  standard: 'image.published',
  github: 'pull_request',
  gitea: 'pull_request',
  slack: 'app_mention',
  stripe: 'invoice.paid',
  bearer: 'build_failed',
}

/** Sends a delivery as its sender would. */
async function deliver(
  scheme: string,
  hook: { path: string; secret: string },
  delivery: string = crypto.randomUUID(),
  body = JSON.stringify(bodies[scheme]?.(delivery)),
) {
  const answer = await post(hook.path, body, sign[scheme]?.(hook.secret, body, delivery) ?? {})
  return { ...answer, sent: body }
}

const partsOf = (body: string) =>
  (JSON.parse(body) as { params: { message: { parts: Json[]; metadata: Json } } }).params.message

describe.each(SCHEMES)('%s', (scheme) => {
  test('brings what was signed to the agent, once per delivery, and says where to look', async () => {
    const hook = await makeHook(scheme)
    const delivery = crypto.randomUUID()
    const { status, headers, body, sent } = await deliver(scheme, hook, delivery)
    expect([status, body]).toEqual([
      202,
      {
        queued: true,
        duplicate: false,
        id: expect.any(String) as string,
        url: headers.get('location'),
        message_id: `${hook.name}:${delivery}`,
      },
    ])
    const at = new URL(String(headers.get('location'))).pathname
    expect((await call('GET', at)).body).toMatchObject({ state: 'answered', message_id: body['message_id'] })
    const [arrival] = puppet.arrivals
    expect(arrival).toMatchObject({ workspaceId: agent, messageId: body['message_id'], text: sent })
    const { metadata, parts } = partsOf(arrival?.body ?? '')
    expect(parts[1]).toEqual({ kind: 'data', data: JSON.parse(sent) as Json })
    expect(metadata).toEqual({ hook: hook.name, delivery_id: delivery, event: EVENTS[scheme] })

    const again = await deliver(scheme, hook, delivery)
    expect(again).toMatchObject({ status: 202, body: { duplicate: true, id: body['id'] } })
    // Its sender may send, and not read what was answered.
    expect(JSON.stringify(again.body)).not.toContain('done:')
    await h.untilIdle()
    expect(puppet.arrivals).toHaveLength(1)
  })

  test('is refused in the same words, whatever is wrong', async () => {
    const hook = await makeHook(scheme)
    const disabled = await makeHook(scheme, { enabled: false })
    const other = await make()
    const removed = await makeHook(scheme, {}, other)
    await call('DELETE', `/workspaces/${other}`)
    const body = JSON.stringify(bodies[scheme]?.('evt'))
    const headers = sign[scheme]?.(hook.secret, body) ?? {}
    const refusals = [
      await post(hook.path, body, sign[scheme]?.(`whsec_${btoa('not the right secret')}`, body) ?? {}),
      await post(hook.path, body, JSON_TYPE),
      await post(`${hook.path}-unknown`, body, headers),
      await post(hook.path.replace(agent, crypto.randomUUID()), body, headers),
      await post(hook.path.replace(agent, 'not-a-uuid'), body, headers),
      await post(`/webhooks/workspaces/${agent}/%00`, body, headers),
      await post(disabled.path, body, sign[scheme]?.(disabled.secret, body) ?? {}),
      await post(removed.path, body, sign[scheme]?.(removed.secret, body) ?? {}),
    ]
    if (scheme !== 'bearer') refusals.push(await post(hook.path, `${body} `, headers))
    if (['standard', 'slack', 'stripe'].includes(scheme)) {
      // The clock goes on meanwhile, towards those who are ahead.
      for (const off of [-301, 330]) {
        const late = sign[scheme]?.(hook.secret, body, 'x', seconds() + off) ?? {}
        refusals.push(await post(hook.path, body, late))
      }
    }
    const said = refusals.map(({ status, body, headers }) => {
      const { request_id: _, ...rest } = body
      return { status, rest, names: [...headers.keys()].toSorted() }
    })
    for (const one of said) expect(one).toEqual(said[0])
    expect(said[0]).toMatchObject({ status: 401, rest: { code: 'unauthenticated' } })
    // The same is taken when nothing is wrong.
    expect((await post(hook.path, body, headers)).status).toBe(202)
    await h.untilIdle()
    expect(puppet.arrivals).toHaveLength(1)
  })

  test('takes the old secret and the new one for a while after it was changed', async () => {
    const hook = await makeHook(scheme)
    const given = scheme === 'slack' || scheme === 'stripe' ? { secret: 'another-secret-of-this-test' } : {}
    const rotate = (json: Json) =>
      call('POST', `/workspaces/${agent}/hooks/${hook.name}/rotate`, { ...given, ...json })
    const rotated = await rotate({ overlap_hours: 2 })
    expect(rotated.status).toBe(200)
    const renewed = { ...hook, secret: secretOf(rotated.body) ?? secretOf(given) ?? '' }
    expect(renewed.secret).not.toBe(hook.secret)
    const statuses = async () => [
      (await deliver(scheme, hook)).status,
      (await deliver(scheme, renewed)).status,
    ]
    expect(await statuses()).toEqual([202, 202])
    h.advance(2 * HOUR)
    expect(await statuses()).toEqual([401, 202])
    const again = await rotate({
      overlap_hours: 0,
      ...(given.secret === undefined ? {} : { secret: SECRET }),
    })
    expect(again.body).toMatchObject({ previous_secret_until: null })
    expect((await deliver(scheme, renewed)).status).toBe(401)
  })
})

describe('a delivery', () => {
  test('wakes a workspace that sleeps', async () => {
    const sleeper = await make()
    const hook = await makeHook('github', {}, sleeper)
    const slept = await call('POST', `/workspaces/${sleeper}/hibernate`)
    expect(slept.body).toMatchObject({ status: 'hibernated' })
    const { headers } = await deliver('github', hook)
    const at = new URL(String(headers.get('location'))).pathname
    expect((await call('GET', at)).body).toMatchObject({ state: 'answered' })
    expect(puppet.textsAt(sleeper)).toHaveLength(1)
  })

  test('for one that is paused is refused, so that its sender tries again', async () => {
    const paused = await make()
    const hook = await makeHook('stripe', {}, paused)
    await call('POST', `/workspaces/${paused}/pause`)
    expect(await deliver('stripe', hook, 'evt_1')).toMatchObject({ status: 409, body: { code: 'conflict' } })
    await call('POST', `/workspaces/${paused}/resume`)
    expect(await deliver('stripe', hook, 'evt_1')).toMatchObject({
      status: 202,
      body: { duplicate: false },
    })
  })

  test('for one that has too much to do is refused, and its sender told when to try again', async () => {
    const busy = await make()
    const hook = await makeHook('github', {}, busy)
    await fillQueue(h, busy)
    const { body, headers, status } = await deliver('github', hook)
    expect([status, body['code'], headers.get('retry-after')]).toEqual([429, 'rate_limited', '60'])
    await call('DELETE', `/workspaces/${busy}`)
  })

  test('that comes ten times at once is one message', async () => {
    const hook = await makeHook('standard')
    const answers = await Promise.all(Array.from({ length: 10 }, () => deliver('standard', hook, 'msg_1')))
    expect(new Set(answers.map(({ body }) => body['id'])).size).toBe(1)
    expect(answers.filter(({ body }) => body['duplicate'] === false)).toHaveLength(1)
    await h.untilIdle()
    expect(puppet.arrivals).toHaveLength(1)
  })

  test('that is sent again with other words is the same, and the same name at another hook is not', async () => {
    const [one, two] = [await makeHook('stripe'), await makeHook('stripe')]
    const event = (pending: number) => JSON.stringify({ id: 'evt_7', pending_webhooks: pending })
    const first = await deliver('stripe', one, 'evt_7', event(2))
    expect(await deliver('stripe', one, 'evt_7', event(1))).toMatchObject({
      status: 202,
      body: { duplicate: true, id: first.body['id'] },
    })
    expect((await deliver('stripe', two, 'evt_7', event(2))).body).toMatchObject({ duplicate: false })
  })

  test('without a name is known by its body for five minutes', async () => {
    const hook = await makeHook('bearer')
    const headers = { ...JSON_TYPE, authorization: `Bearer ${hook.secret}` }
    const send = async (body: string) => (await post(hook.path, body, headers)).body['duplicate']
    expect([await send('{"n":1}'), await send('{"n":1}'), await send('{"n":2}')]).toEqual([
      false,
      true,
      false,
    ])
    h.advance(299_000)
    expect(await send('{"n":2}')).toBe(true)
    h.advance(301_000)
    expect(await send('{"n":1}')).toBe(false)
  })

  test('has its name in the header that the hook says', async () => {
    const hook = await makeHook('bearer', { delivery_header: 'X-Build-Id' })
    const headers = { ...JSON_TYPE, authorization: `Bearer ${hook.secret}`, 'x-build-id': 'build 7 ü' }
    const first = await post(hook.path, '{"a":1}', headers)
    expect(first.body['message_id']).toMatch(new RegExp(`^${hook.name}:sha256-[0-9a-f]{32}$`))
    expect((await post(hook.path, '{"a":2}', headers)).body).toMatchObject({ duplicate: true })
  })

  test('is read by those who may read the workspace, and its sender is no one of them', async () => {
    const hook = await makeHook('bearer')
    const { headers } = await deliver('bearer', hook)
    const at = new URL(String(headers.get('location'))).pathname
    const own = { authorization: `Bearer ${await h.tokenOf(agent)}` }
    expect((await call('GET', at, undefined, own)).status).toBe(200)
    const sender = { authorization: `Bearer ${hook.secret}` }
    expect((await call('GET', at, undefined, sender)).status).toBe(401)
    const { body } = await h.request<Json[]>(`/workspaces/${agent}/activity`, { headers: ADMIN })
    expect(body[0]).toMatchObject({ activity_type: 'a2a_receive' })
  })

  test('of more than a megabyte is refused, and one of almost that arrives', async () => {
    const hook = await makeHook('github')
    const body = (length: number) => JSON.stringify({ text: 'x'.repeat(length) })
    expect((await deliver('github', hook, 'a', body(1024 * 1024))).status).toBe(413)
    expect((await deliver('github', hook, 'b', body(1_040_000))).status).toBe(202)
  })

  test('that is no JSON though it says so is refused by name, once its signature was right', async () => {
    const hook = await makeHook('github')
    const refused = { status: 400, body: { errors: [{ field: 'body' }] } }
    expect(await deliver('github', hook, 'a', '{"a":')).toMatchObject(refused)
    expect(await deliver('github', hook, 'b', `${'['.repeat(50_000)}${']'.repeat(50_000)}`)).toMatchObject(
      refused,
    )
    expect((await post(hook.path, '{"a":', JSON_TYPE)).status).toBe(401)
  })

  test('is one of so many a minute; who has no signature counts for nobody', async () => {
    const hook = await makeHook('github')
    for (let times = 0; times < 60; times++) {
      expect((await post(hook.path, '{}', JSON_TYPE)).status).toBe(401)
    }
    const statuses: number[] = []
    for (let times = 0; times < 41; times++) statuses.push((await deliver('github', hook)).status)
    expect(statuses.slice(0, 30)).toEqual(statuses.slice(0, 30).fill(202))
    // The window may have turned meanwhile.
    if (statuses.includes(429)) {
      const refused = await deliver('github', hook)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    h.advance(60_000)
    expect((await deliver('github', hook)).status).toBe(202)
  })

  test('with a wrong token is a guess, and guesses are slowed down by address', async () => {
    const hook = await makeHook('bearer')
    const guess = (token: string) =>
      post(hook.path, '{}', { authorization: `Bearer ${token}`, 'fly-client-ip': '192.0.2.77' })
    const statuses: number[] = []
    for (let times = 0; times < 40; times++) statuses.push((await guess(`guess-${times}`)).status)
    expect([statuses[0], statuses.at(-1)]).toEqual([401, 429])
    expect((await deliver('bearer', hook)).status).toBe(202)
  })
})

describe('forms', () => {
  const form = (fields: Headers) => new URLSearchParams(fields).toString()

  test('with a payload, as GitHub and Gitea send them, are that payload', async () => {
    const payload = JSON.stringify({ action: 'opened', number: 7 })
    const body = form({ payload })
    const github = await makeHook('github')
    const gitea = await makeHook('gitea')
    const signed = { ...sign['github']?.(github.secret, body), ...FORM_TYPE }
    expect((await post(github.path, body, signed)).status).toBe(202)
    // Gitea signs the payload and not the form.
    const within = { ...sign['gitea']?.(gitea.secret, payload), ...FORM_TYPE }
    expect((await post(gitea.path, body, within)).status).toBe(202)
    await h.untilIdle()
    expect(puppet.textsAt(agent)).toEqual([payload, payload])
  })

  test("of Slack's commands and buttons are answered 200 with nothing to show", async () => {
    const hook = await makeHook('slack', { template: '{{command}} {{text}}{{actions.0.action_id}}' })
    for (const fields of [
      { command: '/ask', text: 'what is up?', trigger_id: '1.2' },
      {
        payload: JSON.stringify({ type: 'block_actions', trigger_id: '3.4', actions: [{ action_id: 'ok' }] }),
      },
    ]) {
      const body = form(fields)
      const answer = await post(hook.path, body, { ...sign['slack']?.(hook.secret, body), ...FORM_TYPE })
      expect([answer.status, answer.body]).toEqual([200, undefined])
      expect(answer.headers.get('location')).toContain(`/workspaces/${agent}/messages/`)
    }
    await h.untilIdle()
    expect(puppet.textsAt(agent).toSorted()).toEqual([' ok', '/ask what is up?'])
  })

  test('that are none, as curl names what it sends, are read as what they are', async () => {
    const hook = await makeHook('bearer')
    const headers = { ...FORM_TYPE, authorization: `Bearer ${hook.secret}` }
    const texts = ['{"a":1}', 'hello', '']
    for (const body of texts) {
      expect(
        (
          await post(hook.path, body, {
            ...headers,
            ...(body === 'hello' ? { 'content-type': 'text/plain' } : {}),
          })
        ).status,
      ).toBe(202)
    }
    await h.untilIdle()
    expect(puppet.textsAt(agent).toSorted()).toEqual(
      ['{"a":1}', 'hello', `The hook ${hook.name} received a request without a body.`].toSorted(),
    )
  })
})

test("Slack's challenge is given back once its signature was right", async () => {
  const hook = await makeHook('slack')
  const body = JSON.stringify({
    type: 'url_verification',
    challenge: '3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P',
  })
  const headers = sign['slack']?.(hook.secret, body) ?? {}
  const { status, body: said } = await post(hook.path, body, headers)
  expect([status, said]).toEqual([200, '3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P'])
  expect((await post(hook.path, body, { ...headers, 'x-slack-signature': 'v0=' })).status).toBe(401)
})

test("GitHub's ping is answered, and reaches nobody", async () => {
  const hook = await makeHook('github')
  const body = '{"zen":"Keep it logically awesome."}'
  const headers = { ...sign['github']?.(hook.secret, body), 'x-github-event': 'ping' }
  expect(await post(hook.path, body, headers)).toMatchObject({ status: 200, body: { pong: true } })
  await h.untilIdle()
  expect(puppet.arrivals).toHaveLength(0)
})

test('a hook takes the events that it names, and says what it did not take', async () => {
  const hook = await makeHook('github', { events: ['pull_request.opened', 'issues'] })
  const send = (event: string, action: string) => {
    const body = JSON.stringify({ action })
    return post(hook.path, body, { ...sign['github']?.(hook.secret, body), 'x-github-event': event })
  }
  expect((await send('pull_request', 'opened')).body).toMatchObject({ queued: true })
  expect((await send('issues', 'closed')).body).toMatchObject({ queued: true })
  expect(await send('pull_request', 'closed')).toMatchObject({
    status: 202,
    body: { queued: false, ignored: ['pull_request.closed', 'pull_request'] },
  })
  const stripe = await makeHook('stripe', { events: ['invoice.*'] })
  expect((await deliver('stripe', stripe)).body).toMatchObject({ queued: true })
  expect(
    (await deliver('stripe', stripe, 'evt_x', '{"id":"evt_x","type":"charge.failed"}')).body,
  ).toMatchObject({ queued: false })
})

test('a template makes the message, from the next delivery on', async () => {
  const hook = await makeHook('github', {
    template:
      'New {{$event}} "{{pull_request.title}}" by {{sender.login}} ({{ labels.0 }}, {{number}}, {{pull_request}})',
  })
  const body = JSON.stringify({
    pull_request: { title: '{{sender.login}} {{$payload}}' },
    labels: ['bug'],
    number: 7,
  })
  await post(hook.path, body, sign['github']?.(hook.secret, body) ?? {})
  await h.untilIdle()
  const path = `/workspaces/${agent}/hooks/${hook.name}`
  expect((await call('PATCH', path, { template: 'just {{$delivery}}' })).status).toBe(200)
  await post(hook.path, body, sign['github']?.(hook.secret, body, 'd-2') ?? {})
  await h.untilIdle()
  expect(puppet.textsAt(agent)).toEqual([
    'New pull_request "{{sender.login}} {{$payload}}" by  (bug, 7, {"title":"{{sender.login}} {{$payload}}"})',
    'just d-2',
  ])
  expect(partsOf(puppet.arrivals[0]?.body ?? '').parts).toHaveLength(1)
})

describe('hooks', () => {
  test('show their secret once and never again, are listed, changed and deleted', async () => {
    const path = `/workspaces/${await make()}/hooks`
    const made = await call('POST', path, { name: 'builds', scheme: 'standard', events: ['a.*'] })
    const secret = String(made.body['secret'])
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(new URL(String(made.headers.get('location'))).pathname).toBe(`${path}/builds`)
    const { secret: _, ...view } = made.body
    expect(view).toMatchObject({ enabled: true, template: '', events: ['a.*'], created_by: 'admin' })
    expect((await call('GET', path)).body).toEqual([view])
    expect((await call('GET', `${path}/builds`)).body).toEqual(view)
    const changed = await call('PATCH', `${path}/builds`, { enabled: false, events: null })
    expect(changed.body).toEqual({
      ...view,
      enabled: false,
      events: null,
      updated_at: changed.body['updated_at'],
    })
    expect((await call('PATCH', `${path}/builds`, {})).body).toEqual(changed.body)
    const own = { authorization: `Bearer ${await h.tokenOf(path.split('/')[2] ?? '')}` }
    expect((await call('GET', path, undefined, own)).status).toBe(200)
    expect((await call('DELETE', `${path}/builds`, undefined, own)).status).toBe(403)
    expect((await call('DELETE', `${path}/builds`)).body).toEqual({ status: 'deleted', name: 'builds' })
    for (const method of ['GET', 'DELETE']) {
      expect((await call(method, `${path}/builds`)).body).toMatchObject({
        error: 'the workspace has no hook builds',
      })
    }
    // A secret that was given is known already.
    const given = await call('POST', path, { name: 'builds', scheme: 'github', secret: SECRET })
    expect([given.status, given.body['secret']]).toEqual([201, undefined])
    expect(await call('POST', path, { name: 'builds', scheme: 'github' })).toMatchObject({
      status: 409,
      body: { error: expect.stringContaining('already') as string },
    })
  })

  test('may be changed without a body, and the answer has the new secret', async () => {
    const hook = await makeHook('github')
    const rotated = await call('POST', `/workspaces/${agent}/hooks/${hook.name}/rotate`)
    expect(rotated).toMatchObject({ status: 200, body: { secret: expect.any(String) as string } })
    const until = Date.parse(String(rotated.body['previous_secret_until']))
    expect(Math.round((until - h.now().getTime()) / HOUR)).toBe(24)
  })

  test.each<[string, Json, string]>([
    ['no name', { scheme: 'github' }, 'name'],
    ['a name that is no part of an address', { name: 'A b', scheme: 'github' }, 'name'],
    ['an unknown scheme', { name: 'a', scheme: 'basic' }, 'scheme'],
    ['a misspelt member', { name: 'a', scheme: 'github', event: ['x'] }, 'body'],
    ['a short secret', { name: 'a', scheme: 'github', secret: 'short' }, 'secret'],
    ['a secret with a line break', { name: 'a', scheme: 'github', secret: `${SECRET}\n` }, 'secret'],
    ['a secret that is no base64', { name: 'a', scheme: 'standard', secret: SECRET }, 'secret'],
    ['a token with spaces', { name: 'a', scheme: 'bearer', secret: `${SECRET} and more` }, 'secret'],
    ["no secret where it is Slack's", { name: 'a', scheme: 'slack' }, 'secret'],
    ["no secret where it is Stripe's", { name: 'a', scheme: 'stripe' }, 'secret'],
    [
      'a header where the scheme has one',
      { name: 'a', scheme: 'github', delivery_header: 'x-id' },
      'delivery_header',
    ],
    ['a header that is none', { name: 'a', scheme: 'bearer', delivery_header: 'x id' }, 'delivery_header'],
    ['no event at all', { name: 'a', scheme: 'github', events: [] }, 'events'],
    ['half a placeholder', { name: 'a', scheme: 'github', template: 'x {{title' }, 'template'],
    ['an expression', { name: 'a', scheme: 'github', template: '{{#each commits}}' }, 'template'],
    ['a placeholder that nobody knows', { name: 'a', scheme: 'github', template: '{{$secret}}' }, 'template'],
  ])('are refused with %s', async (_, json, field) => {
    expect(await call('POST', `/workspaces/${agent}/hooks`, json)).toMatchObject({
      status: 400,
      body: { errors: [{ field }] },
    })
  })

  test('are fifty at most, and end with their workspace', async () => {
    const id = await make()
    const path = `/workspaces/${id}/hooks`
    const statuses = await Promise.all(
      Array.from({ length: 50 }, async (_, at) => {
        const { status } = await call('POST', path, { name: `h-${at}`, scheme: 'github' })
        return status
      }),
    )
    expect(new Set(statuses)).toEqual(new Set([201]))
    expect((await call('POST', path, { name: 'one-more', scheme: 'github' })).status).toBe(409)
    await call('DELETE', `/workspaces/${id}`)
    expect((await call('GET', path)).status).toBe(404)
    expect((await call('POST', path, { name: 'late', scheme: 'github' })).status).toBe(404)
  })

  test('need a key to seal their secrets with, and say which setting', async () => {
    const bare = await createHarness()
    try {
      const { id } = await bare.createWorkspace()
      const json = { name: 'a', scheme: 'github' }
      expect(await bare.request(`/workspaces/${id}/hooks`, { method: 'POST', json })).toMatchObject({
        status: 503,
        body: { error: expect.stringContaining('SECRETS_ENCRYPTION_KEY') as string },
      })
    } finally {
      await bare.close()
    }
  })
})

test('what came in is counted by scheme and outcome, and no body and no secret is logged', async () => {
  const hook = await makeHook('github', { secret: 'canary-of-a-hook-secret' })
  const body = '{"text":"canary-of-a-hook-body"}'
  await post(hook.path, body, sign['github']?.(hook.secret, body) ?? {})
  await post(hook.path, body, { ...JSON_TYPE, 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` })
  const { body: metrics } = await h.request<string>('/metrics', { headers: ADMIN })
  for (const labels of ['scheme="github",outcome="stored"', 'scheme="github",outcome="refused"']) {
    expect(metrics).toContain(`molecule_webhooks_total{${labels}}`)
  }
  const logged = JSON.stringify(await h.logs())
  expect(logged).toContain('a webhook was refused')
  expect(logged).not.toContain('canary-of-a-hook')
})
