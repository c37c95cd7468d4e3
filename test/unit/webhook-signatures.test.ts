// Signatures of incoming webhooks: the documented examples and test vectors of each sender are accepted, and any change to
// them is refused.
import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { SCHEMES, type Scheme, TOLERANCE_SECONDS, verifySignature } from '../../lib/hooks/verify.ts'
import { signEvent } from '../../lib/webhooks/sign.ts'

type Vector = {
  scheme: Scheme
  source: string
  secret: string
  headers: Record<string, string>
  body: string
  /** The time of the signature, in seconds. */
  at: number
}

const SLACK_COMMAND =
  'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c'

const STRIPE_EVENT = `{
  "id": "evt_123",
  "object": "event",
  "account": "acct_123",
  "api_version": "2017-05-25",
  "created": 1533204620,
  "data": {
    "object": {
      "id": "ii_123",
      "object": "invoiceitem",
      "amount": 1000,
      "currency": "usd",
      "customer": "cus_123",
      "date": 1533204620,
      "description": "Test Invoice Item",
      "discountable": false,
      "invoice": "in_123",
      "livemode": false,
      "metadata": {},
      "period": {
        "start": 1533204620,
        "end": 1533204620
      },
      "plan": null,
      "proration": false,
      "quantity": null,
      "subscription": null
    }
  },
  "livemode": false,
  "pending_webhooks": 1,
  "request": {
    "id": "req_123",
    "idempotency_key": "idempotency-key-123"
  },
  "type": "invoiceitem.created"
}
`

const HUB = '757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
const hub = { secret: "It's a Secret to Everybody", body: 'Hello, World!', at: 1_700_000_000 }

const STANDARD: Vector = {
  scheme: 'standard',
  source: 'standard-webhooks, libraries/rust (test_sign)',
  secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
  headers: {
    'webhook-id': 'msg_27UH4WbU6Z5A5EzD8u03UvzRbpk',
    'webhook-timestamp': '1649367553',
    'webhook-signature': 'v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=',
  },
  body: '{"email":"test@example.com","username":"test_user"}',
  at: 1_649_367_553,
}

const VECTORS: Vector[] = [
  STANDARD,
  {
    scheme: 'github',
    source: 'docs.github.com, Validating webhook deliveries',
    ...hub,
    headers: { 'x-hub-signature-256': `sha256=${HUB}` },
  },
  {
    scheme: 'gitea',
    source: "GitHub's vector, as Gitea sends the same digest (services/webhook/deliver.go)",
    ...hub,
    headers: { 'x-gitea-signature': HUB, 'x-hub-signature-256': `sha256=${HUB}` },
  },
  {
    scheme: 'slack',
    source: 'api.slack.com, Verifying requests from Slack',
    secret: '8f742231b10e8888abcd99yyyzzz85a5',
    headers: {
      'x-slack-request-timestamp': '1531420618',
      'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
    },
    body: SLACK_COMMAND,
    at: 1_531_420_618,
  },
  {
    scheme: 'stripe',
    source: 'stripe-dotnet, event_test_signature.json and EventUtilityTest',
    secret: 'webhook_secret',
    headers: {
      'stripe-signature':
        't=1533204620,v1=f0bdba6d4eacbd8ad8a3bbadd7248e633ec1477f7899c124c51b39405fa36613,v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef',
    },
    body: STRIPE_EVENT,
    at: 1_533_204_620,
  },
  {
    scheme: 'bearer',
    source: 'RFC 6750 §2.1',
    secret: 'mF_9.B5f-4.1JqM',
    headers: { authorization: 'Bearer mF_9.B5f-4.1JqM' },
    body: '{}',
    at: 1_700_000_000,
  },
]

const bytes = (text: string) => new TextEncoder().encode(text)

function verify(
  { at, body, headers, scheme, secret }: Vector,
  other: { secrets?: string[]; headers?: Record<string, string>; body?: Uint8Array; at?: number } = {},
) {
  const all = other.headers ?? headers
  const incoming = { header: (name: string) => all[name], body: other.body ?? bytes(body) }
  return verifySignature(scheme, other.secrets ?? [secret], incoming, new Date((other.at ?? at) * 1000))
}

test('every scheme has a vector', () => {
  expect(VECTORS.map(({ scheme }) => scheme)).toEqual([...SCHEMES])
})

describe.each(VECTORS)('$scheme ($source)', (vector) => {
  const { at, headers, scheme, secret } = vector

  test('a correctly signed delivery is accepted, also during a secret rotation', async () => {
    expect(await verify(vector)).toBe(true)
    expect(await verify(vector, { secrets: ['bmV3bmV3bmV3bmV3', secret] })).toBe(true)
    expect(await verify(vector, { secrets: ['bmV3bmV3bmV3bmV3'] })).toBe(false)
    expect(await verify(vector, { secrets: [] })).toBe(false)
  })

  test('a changed body or a changed signature is refused', async () => {
    if (scheme !== 'bearer') {
      expect(await verify(vector, { body: bytes(`${vector.body} `) })).toBe(false)
      expect(await verify(vector, { body: new Uint8Array() })).toBe(false)
    }
    for (const name of Object.keys(headers)) {
      const { [name]: value = '', ...rest } = headers
      // Gitea sends the same signature twice; one is enough.
      if (scheme !== 'gitea') expect([name, await verify(vector, { headers: rest })]).toEqual([name, false])
      for (const wrong of ['', ' ', `0${value}`, value.slice(1), value.replace(/[0-9a-f]/i, 'x')]) {
        const changed = { ...(scheme === 'gitea' ? {} : rest), [name]: wrong }
        expect([wrong, await verify(vector, { headers: changed })]).toEqual([wrong, false])
      }
    }
  })

  test('a signature older than its scheme allows is refused', async () => {
    const timed = ['standard', 'slack', 'stripe'].includes(scheme)
    for (const offset of [-TOLERANCE_SECONDS, TOLERANCE_SECONDS]) {
      expect(await verify(vector, { at: at + offset })).toBe(true)
      expect(await verify(vector, { at: at + offset + Math.sign(offset) })).toBe(!timed)
    }
  })

  test('no input makes verification throw', async () => {
    const names = Object.keys(headers)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constant('t=1,v1=')), {
          minLength: names.length,
          maxLength: names.length,
        }),
        fc.uint8Array(),
        fc.string({ unit: 'binary' }),
        async (values, body, other) => {
          const wild = Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']))
          expect(await verify(vector, { headers: wild, body, secrets: [other || 'x'] })).toBe(false)
        },
      ),
      { numRuns: 50 },
    )
  })
})

const hmac = (secret: string, text: string) => createHmac('sha256', secret).update(text).digest('hex')

test('signatures are those of the Standard Webhooks library, and its own are accepted, one of several is enough', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 24, maxLength: 64 }),
      fc.string({ minLength: 1 }).filter((id) => id.trim() === id),
      fc.string({ unit: 'grapheme' }),
      async (key, id, body) => {
        const secret = `whsec_${Buffer.from(key).toString('base64')}`
        const at = new Date(STANDARD.at * 1000)
        const signature = new Webhook(secret).sign(id, at, body)
        expect(await signEvent(secret, id, at, body)).toBe(signature)
        const headers = (...signatures: string[]) => ({
          'webhook-id': id,
          'webhook-timestamp': String(STANDARD.at),
          'webhook-signature': signatures.join(' '),
        })
        const asked = { secrets: [secret], body: bytes(body) }
        expect(await verify(STANDARD, { ...asked, headers: headers(signature) })).toBe(true)
        const other = `v1,${'A'.repeat(43)}=`
        expect(await verify(STANDARD, { ...asked, headers: headers('v1a,x', other, signature) })).toBe(true)
        expect(await verify(STANDARD, { ...asked, headers: headers(other) })).toBe(false)
      },
    ),
  )
})

test("Svix' own header names are accepted", async () => {
  const headers = Object.fromEntries(
    Object.entries(STANDARD.headers).map(([name, value]) => [name.replace('webhook', 'svix'), value]),
  )
  expect(await verify(STANDARD, { headers })).toBe(true)
})

test('Stripe may sign with two secrets while one is being rolled', async () => {
  const vector = VECTORS.find(({ scheme }) => scheme === 'stripe')!
  const [time = '', good = ''] = vector.headers['stripe-signature']!.split(',')
  const signed = (header: string) => verify(vector, { headers: { 'stripe-signature': header } })
  expect(await signed(`${time}, v1=${'0'.repeat(64)}, ${good}`)).toBe(true)
  expect(await signed(`${time},v0=${good.slice(3)}`)).toBe(false)
  expect(await signed(good)).toBe(false)
})

test('GitHub signs a whole form and Gitea its payload', async () => {
  const payload = '{"ref":"refs/heads/main","message":"über & all"}'
  const form = new URLSearchParams({ payload }).toString()
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  const asked = { secrets: ['s'], body: bytes(form) }
  const [, github, gitea] = VECTORS as [Vector, Vector, Vector]
  const hubHeaders = (text: string) => ({ ...type, 'x-hub-signature-256': `sha256=${hmac('s', text)}` })
  expect(await verify(github, { ...asked, headers: hubHeaders(form) })).toBe(true)
  expect(await verify(github, { ...asked, headers: hubHeaders(payload) })).toBe(false)
  expect(await verify(gitea, { ...asked, headers: hubHeaders(payload) })).toBe(true)
  const headers = { ...type, 'x-gitea-signature': hmac('s', payload) }
  expect(await verify(gitea, { ...asked, headers })).toBe(true)
})

test('bytes that are not UTF-8 are verified as they are', async () => {
  const body = Uint8Array.from([0xff, 0xfe, 0x00, 0x80])
  const signature = createHmac('sha256', 's').update(body).digest('hex')
  const [, github] = VECTORS as [Vector, Vector]
  const headers = { 'x-hub-signature-256': `sha256=${signature}` }
  expect(await verify(github, { secrets: ['s'], body, headers })).toBe(true)
})
