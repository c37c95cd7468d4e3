// Uninterrupted CPU time of each kind of request at its size limit: while it runs, every other request of the process
// waits. One line for each step that runs without a pause; fails when one takes longer than 50 ms. Usage: npm run
// bench:body-cpu
import { envelopeOf, parseEnvelope } from '../../lib/a2a/wire/json-rpc.ts'
import { rewriteExtendedCard } from '../../lib/a2a/wire/agent-card.ts'
import { normalizeMessage } from '../../lib/a2a/wire/normalize-message.ts'
import { readAnswer } from '../../lib/a2a/wire/read-answer.ts'
import { toMessageText } from '../../lib/hooks/hook-message.ts'
import { parsePayload } from '../../lib/hooks/payload.ts'
import { decodeBase64, encodeBase64 } from '../../lib/platform/encoding.ts'
import { AgentCard } from '../../lib/reconcile/probe-agent.ts'

const LIMIT_MS = 50
const RUNS = 7
const BODY_BYTES = 10 * 1024 * 1024
const HOOK_BYTES = 1024 * 1024
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
  'lists in lists': `${MESSAGE}${'['.repeat(5e6)}${']'.repeat(5e6)}]}}}`,
}

/** Median of the CPU time, in milliseconds. */
function measure(work: () => unknown): number {
  const times = Array.from({ length: RUNS }, () => {
    const started = process.cpuUsage()
    work()
    const { system, user } = process.cpuUsage(started)
    return (system + user) / 1_000
  })
  return times.toSorted((a, b) => a - b)[Math.floor(RUNS / 2)] ?? Number.NaN
}

let isSlow = false
function report(name: string, work: () => unknown): void {
  const ms = measure(work)
  isSlow ||= ms > LIMIT_MS
  console.log(`${name.padEnd(62)} ${ms.toFixed(1).padStart(7)} ms${ms > LIMIT_MS ? '  over the limit' : ''}`)
}

for (const [kind, text] of Object.entries(BODIES)) {
  const body = bytes(text)
  report(`A2A message of 10 MB, ${kind}: read and complete`, () => {
    const { envelope, text: read = '' } = parseEnvelope(body)
    const completed = normalizeMessage(read, envelope)
    return completed === read ? body : bytes(completed)
  })
  if (kind === 'text' || kind === 'numbers')
    report(`stored message of 10 MB, ${kind}: read the completed text`, () => envelopeOf(text))
}
const stored = encodeBase64(bytes(BODIES['numbers'] ?? ''))
report('stored message of 10 MB: encode', () => encodeBase64(bytes(BODIES['numbers'] ?? '')))
report('stored message of 10 MB: decode', () => decodeBase64(stored))
const answer = bytes(filled('{"jsonrpc":"2.0","id":1,"result":{"kind":"task","n":[', '1,', ']}}', BODY_BYTES))
report('answer of 10 MB to a stored message: read its state', () => readAnswer(answer))
for (const [kind, unit] of [
  ['numbers', '1,'],
  ['inexact numbers', '1.0,'],
  ['text', '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",'],
] as const) {
  const hook = bytes(filled('{"n":[', unit, ']}', HOOK_BYTES))
  report(`webhook of 1 MiB, ${kind}: read and make a message`, () => {
    const payload = parsePayload(hook, 'application/json')
    return toMessageText({
      hook: 'a',
      template: '{{n.0}}',
      messageId: 'a:1',
      delivery: '1',
      event: undefined,
      payload,
    })
  })
  const card = filled('{"name":"a","url":"http://a","n":[', unit, ']}', CARD_BYTES)
  report(`card of 256 KiB, ${kind}: check`, () => AgentCard.safeParse(JSON.parse(card)))
  const extended = filled(
    '{"id":1,"result":{"name":"a","url":"http://a","n":[',
    unit,
    ']}}',
    EXTENDED_CARD_BYTES,
  )
  report(`extended card of 1 MiB, ${kind}: rewrite`, () =>
    rewriteExtendedCard(extended, 'json-rpc', { url: 'http://b', secured: true }),
  )
}
if (isSlow) process.exitCode = 1
