// Uninterrupted CPU time of each kind of request at its size limit: while it runs, every other request of the process
// waits. One line for each step that runs without a pause; fails when one takes longer than 50 ms. Usage: npm run
// bench:body-cpu
import { createHook } from 'node:async_hooks'
import { parseEnvelope } from '../../lib/a2a/wire/json-rpc.ts'
import { rewriteExtendedCard } from '../../lib/a2a/wire/agent-card.ts'
import { insertText } from '../../lib/a2a/wire/insert-text.ts'
import { completionOf } from '../../lib/a2a/wire/normalize-message.ts'
import { readAnswer } from '../../lib/a2a/wire/read-answer.ts'
import { toMessageBody } from '../../lib/hooks/hook-message.ts'
import { readPayload } from '../../lib/hooks/payload.ts'
import { verifySignature } from '../../lib/hooks/verify.ts'
import { decodeBase64InSlices, encodeBase64InSlices } from '../../lib/platform/slices.ts'
import { AgentCard } from '../../lib/reconcile/probe-agent.ts'
import { printJson } from './support/figures.ts'
import { benchOptions } from './support/options.ts'

const LIMIT_MS = 50
const RUNS = 7
const BODY_BYTES = 10 * 1024 * 1024
const HOOK_BYTES = 25 * 1024 * 1024
const CARD_BYTES = 256 * 1024
const EXTENDED_CARD_BYTES = 1024 * 1024

const bytes = (text: string) => new TextEncoder().encode(text)

/** A text of at most `length` characters around as many units as fit. */
function filled(before: string, unit: string, after: string, length: number): string {
  const count = Math.floor((length - before.length - after.length) / unit.length)
  return before + unit.repeat(count).replace(/,$/, '') + after
}

const MESSAGE =
  '{"jsonrpc":"2.0","id":"1","method":"message/send","params":{"message":{"role":"user","parts":['

const BODIES: Record<string, string> = {
  text: filled(`${MESSAGE}{"kind":"text","text":"`, 'a', '"}]}}}', BODY_BYTES),
  'text with escapes': filled(`${MESSAGE}{"text":"`, '\\"', '"}]}}}', BODY_BYTES),
  'text of 3-byte characters': filled(`${MESSAGE}{"text":"`, '漢', '"}]}}}', BODY_BYTES / 3),
  numbers: filled(`${MESSAGE}{"kind":"data","data":{"n":[`, '1,', ']}}]}}}', BODY_BYTES),
  'inexact numbers': filled(`${MESSAGE}{"kind":"data","data":{"n":[`, '1.0,', ']}}]}}}', BODY_BYTES),
  objects: filled(`${MESSAGE}{"kind":"data","data":{"n":[`, '{"a":1},', ']}}]}}}', BODY_BYTES),
  parts: filled(MESSAGE, '{"text":"a"},', ']}}}', BODY_BYTES),
  members: filled('{"method":"message/send",', '"a":1,', '}', BODY_BYTES),
  'one number': `${MESSAGE}${'1'.repeat(10_400_000)}]}}}`,
  'white space': `${MESSAGE}${' '.repeat(10_400_000)}]}}}`,
  'lists in lists': `${MESSAGE}${'['.repeat(5e6)}${']'.repeat(5e6)}]}}}`,
}

/** Headers of a delivery that is signed now, wrongly. */
const SIGNED: Record<string, string> = {
  'webhook-id': 'a',
  'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
  'webhook-signature': 'v1,a',
  'x-slack-request-timestamp': String(Math.floor(Date.now() / 1000)),
}

const { json } = benchOptions(
  'bench:body-cpu',
  `Uninterrupted CPU time of each kind of request at its size limit. Ends with 1 when one takes longer than ${LIMIT_MS} ms.`,
  {},
)

let longestMs = 0
let longestOf = ''
function print(name: string, ms: number): void {
  if (ms > longestMs) [longestMs, longestOf] = [ms, name]
  if (json) return
  console.log(`${name.padEnd(62)} ${ms.toFixed(1).padStart(7)} ms${ms > LIMIT_MS ? '  over the limit' : ''}`)
}

/** The longest of the steps between which other requests run: work on a large body pauses by itself. */
async function report(name: string, work: () => unknown): Promise<void> {
  const longest: number[] = []
  for (let run = 0; run < RUNS; run++) {
    let previous = process.cpuUsage()
    const steps: number[] = []
    const step = () => {
      const { system, user } = process.cpuUsage(previous)
      steps.push((system + user) / 1_000)
      previous = process.cpuUsage()
    }
    const pauses = createHook({ before: step, after: step }).enable()
    await work()
    step()
    pauses.disable()
    longest.push(Math.max(...steps))
  }
  print(name, longest.toSorted((a, b) => a - b)[Math.floor(RUNS / 2)] ?? Number.NaN)
}

for (const [kind, text] of Object.entries(BODIES)) {
  const body = bytes(text)
  await report(`A2A message of 10 MB, ${kind}: read`, () => parseEnvelope(body))
  const { envelope } = await parseEnvelope(body)
  await report(`A2A message of 10 MB, ${kind}: complete`, () =>
    insertText(body, completionOf(body, envelope).insertions),
  )
}
const numbers = bytes(BODIES['numbers'] ?? '')
await report('stored message of 10 MB: encode', () => encodeBase64InSlices(numbers))
const stored = await encodeBase64InSlices(numbers)
await report('stored message of 10 MB: decode', () => decodeBase64InSlices(stored))
const answer = bytes(filled('{"jsonrpc":"2.0","id":1,"result":{"kind":"task","n":[', '1,', ']}}', BODY_BYTES))
await report('answer of 10 MB to a stored message: read its state', () => readAnswer(answer))
for (const [kind, unit] of [
  ['numbers', '1,'],
  ['inexact numbers', '1.0,'],
  ['text', '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",'],
] as const) {
  const card = filled('{"name":"a","url":"http://a","n":[', unit, ']}', CARD_BYTES)
  await report(`card of 256 KiB, ${kind}: check`, () => AgentCard.safeParse(JSON.parse(card)))
  const extended = filled(
    '{"id":1,"result":{"name":"a","url":"http://a","n":[',
    unit,
    ']}}',
    EXTENDED_CARD_BYTES,
  )
  await report(`extended card of 1 MiB, ${kind}: rewrite`, () =>
    rewriteExtendedCard(extended, 'json-rpc', { url: 'http://b', secured: true }),
  )
}

const FORM = 'application/x-www-form-urlencoded'
const HOOKS: Record<string, string> = {
  text: filled('{"n":["', 'a', '"]}', HOOK_BYTES),
  'text with escapes': filled('{"n":["', '\\"', '"]}', HOOK_BYTES),
  'text of 3-byte characters': filled('{"n":["', '漢', '"]}', HOOK_BYTES / 3),
  numbers: filled('{"n":[', '1,', ']}', HOOK_BYTES),
  objects: filled('{"n":[', '{"a":1},', ']}', HOOK_BYTES),
  form: filled('payload=', '%61', '', HOOK_BYTES),
}
for (const [kind, text] of Object.entries(HOOKS)) {
  const body = bytes(text)
  const type = kind === 'form' ? FORM : 'application/json'
  for (const template of ['', '{{n.0}}']) {
    const how = template === '' ? 'all of it' : 'a template'
    await report(`webhook of 25 MiB, ${kind}, ${how}: read and make a message`, async () => {
      const payload = await readPayload(body, type, ['n.0', 'type', 'event.type'])
      const facts = { hook: 'a', template, messageId: 'a:1', delivery: '1', event: undefined, payload }
      return toMessageBody(facts, BODY_BYTES)
    })
  }
  for (const scheme of ['github', 'gitea', 'standard', 'slack'] as const) {
    if (kind !== 'text' && kind !== 'form') continue
    const header = (name: string) => (name === 'content-type' ? type : SIGNED[name])
    await report(`webhook of 25 MiB, ${kind}: verify ${scheme}`, () =>
      verifySignature(scheme, ['a-secret-of-this-script'], { header, body }, new Date()),
    )
  }
}

if (json) {
  printJson([
    {
      title: `longest step of a body at its limit: ${longestOf}`,
      value: longestMs,
      unit: 'ms',
      atMost: LIMIT_MS,
    },
  ])
}
if (longestMs > LIMIT_MS) process.exitCode = 1
