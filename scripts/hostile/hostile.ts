// `npm run hostile`: one machine does its worst by a list of attacks while the messages of another workspace are measured.
import { parseArgs } from 'node:util'
import { ATTACKS } from './attacks.ts'
import { type AttackResult, runAttacks } from './run.ts'

const HELP = `npm run hostile -- [options]

Runs the real server with an embedded database and two workspaces. One machine attacks; messages to the other one are measured.
Fails if a message to the neighbour fails, if its 99th percentile is over twice its quiet value (and over 100 ms), if /livez
takes longer than a second, or if the server holds more than 400 MB more than before.

  --seconds N    how long each attack lasts; default 3
  --attack TEXT  only attacks whose name contains this text
`

const MOST_MEMORY_MB = 400
const FLOOR_MS = 100
const LIVEZ_MS = 1_000

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    attack: { type: 'string', default: '' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help === true) {
  process.stdout.write(HELP)
  process.exit(0)
}
const seconds = Number(values.seconds)
const attacks = ATTACKS.filter(({ name }) => name.includes(values.attack))
if (!(seconds > 0) || attacks.length === 0) {
  process.stderr.write('--seconds must be a number above zero, and --attack must match an attack\n')
  process.exit(2)
}

let quiet: AttackResult | undefined
let worst = 0
let failures = 0
await runAttacks(attacks, seconds, (result) => {
  quiet ??= result
  const ratio = result.p99Ms / quiet.p99Ms
  worst = Math.max(worst, ratio)
  const grown = (result.memoryMb ?? 0) - (quiet.memoryMb ?? 0)
  const isBad =
    result.failed > 0 ||
    (ratio > 2 && result.p99Ms > FLOOR_MS) ||
    result.slowestLivezMs > LIVEZ_MS ||
    grown > MOST_MEMORY_MB
  if (isBad) failures++
  process.stdout.write(
    `${isBad ? 'BAD' : 'ok '} ${result.name}: p99 ${result.p99Ms.toFixed(1)} ms (${ratio.toFixed(1)} × quiet), ${result.messages} messages, ${result.failed} failed, slowest /livez ${Math.round(result.slowestLivezMs)} ms, ${result.memoryMb ?? '-'} MB\n`,
  )
})
process.stdout.write(`hostile attacks=${attacks.length} bad=${failures} worst_ratio=${worst.toFixed(1)}\n`)
process.exit(failures === 0 ? 0 : 1)
