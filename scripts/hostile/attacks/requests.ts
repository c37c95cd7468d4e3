// Attacks by what is sent: messages that cost much to read, and floods of everything that an agent or a stranger may call.
import { type Attack, type Reach, several } from './attack.ts'

const bytes = (text: string) => Buffer.from(text)

const BEFORE = '{"method":"message/send","params":{"message":{"role":"user","parts":['
const AFTER = ']}}}'
const inData = (json: string) => bytes(`${BEFORE}{"kind":"data","data":{"n":[${json}1]}}${AFTER}`)

/** Bodies just below the limit of 10 MB, made when their attack begins: together they are 100 MB. */
const BODIES: Record<string, () => Uint8Array<ArrayBuffer>> = {
  'numbers without a messageId': () => inData('1.5,'.repeat(2_250_000)),
  objects: () => inData('{"a":{"b":1}},'.repeat(640_000)),
  'parts without a kind': () => bytes(`${BEFORE}${'{"text":"a"},'.repeat(690_000)}1${AFTER}`),
  'members of the message': () =>
    bytes(`{"method":"message/send","params":{"message":{${'"a":[1,1,1],'.repeat(750_000)}"role":"user"}}}`),
  'lists in lists': () => bytes(`${BEFORE}${'['.repeat(4_500_000)}${']'.repeat(4_500_000)}${AFTER}`),
  'escaped characters': () => bytes(`${BEFORE}{"text":"${'\\"'.repeat(4_500_000)}"}${AFTER}`),
  'characters of three bytes': () => bytes(`${BEFORE}{"text":"${'漢'.repeat(3_000_000)}"}${AFTER}`),
  'halves of surrogate pairs': () => bytes(`${BEFORE}{"text":"${'\\ud800'.repeat(1_500_000)}"}${AFTER}`),
}

let made: { name: string; body: Uint8Array<ArrayBuffer> } | undefined

const bodyOf = (name: string, make: () => Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
  if (made?.name !== name) made = { name, body: make() }
  return made.body
}

const TEXT = (length: number) => '漢\0\ud800 x'.repeat(length / 5)

const STORABLE_TEXT = (length: number) => '漢é x'.repeat(length / 4)

const random = () => crypto.randomUUID()

const callingItself = (path: string, times: number, json: () => object) => (reach: Reach) =>
  several(times, () => reach.own(path, { method: 'POST', json: json() }))

export const REQUEST_ATTACKS: readonly Attack[] = [
  ...Object.entries(BODIES).map(([name, make]) => ({
    name: `a message of 9 MB of ${name}`,
    round: (reach: Reach) => reach.body(bodyOf(name, make)),
  })),
  {
    name: 'heartbeats of numbers and characters that cannot be stored',
    round: (reach) =>
      several(10, () =>
        reach.registry('heartbeat', {
          error_rate: 1e-300,
          uptime_seconds: -3,
          active_tasks: 2 ** 60,
          current_task: TEXT(5_000),
          sample_error: '\0'.repeat(10_000),
        }),
      ),
  },
  {
    name: 'a flood of heartbeats that change everything',
    round: (reach) =>
      several(50, () =>
        reach.registry('heartbeat', {
          error_rate: Math.random(),
          active_tasks: Math.trunc(Math.random() * 100),
          current_task: random(),
          uptime_seconds: 1,
        }),
      ),
  },
  {
    name: 'a flood of registrations',
    round: (reach) =>
      several(20, () =>
        reach.registry('register', { url: 'http://x', agent_card: { name: random(), url: 'http://x' } }),
      ),
  },
  {
    name: 'a flood of activity with bodies of 60 kB',
    round: callingItself('/activity', 20, () => ({
      activity_type: 'agent_log',
      summary: STORABLE_TEXT(1_000),
      request_body: { text: STORABLE_TEXT(60_000) },
      response_body: Array.from({ length: 15_000 }, () => 1.5),
    })),
  },
  {
    name: 'a flood of activity that cannot be stored',
    round: callingItself('/activity', 20, () => ({
      activity_type: 'agent_log',
      request_body: { text: TEXT(15_000) },
    })),
  },
  {
    name: 'a flood of notifications',
    round: callingItself('/notify', 20, () => ({ message: STORABLE_TEXT(5_000) })),
  },
  {
    name: 'a flood of recorded delegations',
    round: callingItself('/delegations/record', 20, () => ({
      target_id: random(),
      task: STORABLE_TEXT(50_000),
      delegation_id: random(),
    })),
  },
  { name: 'a flood of new tokens', round: callingItself('/tokens', 10, () => ({ name: random() })) },
  {
    name: 'a flood of stored messages without an answer',
    answer: () => {},
    round: (reach) => several(20, () => reach.storedMessage()),
  },
  {
    name: 'long lists again and again',
    round: (reach) =>
      Promise.all(
        ['/activity?limit=500', '/messages', '/delegations', '/events', '/tokens', '/secrets/values'].map(
          (path) => reach.own(path),
        ),
      ),
  },
  {
    name: 'guessed tokens',
    isAnonymous: true,
    round: (reach) =>
      several(50, () => reach.anonymous('/workspaces', { headers: { authorization: `Bearer ${random()}` } })),
  },
  {
    name: 'messages of 9 MB without a token',
    isAnonymous: true,
    round: (reach) =>
      several(4, () =>
        reach.anonymous(`/workspaces/${reach.workspaceId}/a2a`, {
          method: 'POST',
          body: bodyOf('objects', BODIES['objects'] ?? (() => bytes(''))),
        }),
      ),
  },
  {
    name: 'messages of 9 MB at the same time',
    round: (reach) =>
      several(20, () => reach.body(bodyOf('objects', BODIES['objects'] ?? (() => bytes(''))))),
  },
  {
    name: 'forged webhooks of 1 MB',
    isAnonymous: true,
    round: (reach) =>
      several(10, () =>
        reach.anonymous(`/webhooks/workspaces/${reach.workspaceId}/any`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` },
          body: `{"n":[${'1,'.repeat(500_000)}1]}`,
        }),
      ),
  },
]
