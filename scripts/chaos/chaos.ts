// `npm run chaos`: proves that nothing leaks, nothing is stuck and every failure has a reason. It drives the real server through
// everything that can go wrong at once, and ends with one line of figures.
import { parseArgs } from 'node:util'
import { speedUp } from './clock.ts'
import { runChaos } from './run.ts'
import type { Violation } from './invariants.ts'

const HELP = `npm run chaos -- [options]

Two replicas of the server on a real Postgres, against the emulated Fly with every fault at random. Random users work, an
operator changes machines by hand, some agents are slow, silent, broken or hostile, the database crashes, stops, slows and
runs out of connections, and replicas are ended with SIGKILL and SIGTERM. Then the faults end, everything gets a bounded
time to settle, and this must hold: one machine for each workspace that wants one and none for the others, in the wanted
state; no other machine of this control plane; foreign machines untouched; no transient status; nothing due or leased; no
stored message under way; a reason for every failure; an unbroken log of events; no message delivered twice, and none
reported as not delivered that was.

  --workspaces N   how many are created                      default 300
  --seed N         chooses what happens, not when             default: any
  --seconds S      how long the chaos lasts                   default 90 + workspaces / 2
  --settle S       how long it may take to settle             default 300
  --speed K        the clock of all processes runs K times as fast; seconds above are its seconds    default 4
  --least P        percentage of messages that must be answered and of workspaces that must become ready,
                   so that the run proves something           default 10
  --database URL   an empty Postgres database                 default: a server is started for the run

Ends with one line: lifecycles is how often a workspace became ready; faults counts those of the emulator and the database and
manual changes; answered counts messages, stored those of them that were stored first; seconds is real time. Exit code 1
unless leaks, duplicates, stuck and unexplained are all 0, or if too little became ready or was answered to prove anything.
`

const { values } = parseArgs({
  options: {
    workspaces: { type: 'string', default: '300' },
    seed: { type: 'string' },
    seconds: { type: 'string' },
    settle: { type: 'string', default: '300' },
    speed: { type: 'string', default: '4' },
    least: { type: 'string', default: '10' },
    database: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help === true) {
  console.log(HELP)
  process.exit(0)
}

const begun = performance.now()
const workspaces = whole('workspaces', values.workspaces)
const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : whole('seed', values.seed)
const pace = { speed: whole('speed', values.speed), epoch: Date.now() }
speedUp(pace)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const figures = await runChaos({
  workspaces,
  seed,
  seconds: whole('seconds', values.seconds ?? String(90 + Math.ceil(workspaces / 2))),
  settleSeconds: whole('settle', values.settle),
  pace,
  leastProven: whole('least', values.least) / 100,
  database: values.database,
  report: (line) => console.error(line),
})
for (const { kind, workspace, what } of figures.violations)
  console.error(`${kind}: ${workspace ?? '-'}: ${what}`)
for (const story of figures.stories) console.error(`\n${story}`)
if (figures.settledAfter !== undefined) console.error(`settled after ${figures.settledAfter} s`)

const count = (kind: Violation['kind']) => figures.violations.filter((one) => one.kind === kind).length
const line = {
  seed,
  workspaces: figures.workspaces,
  lifecycles: figures.lifecycles,
  faults: figures.faults,
  kills: figures.kills,
  messages: figures.messages,
  answered: figures.answered,
  stored: figures.stored,
  leaks: count('leak'),
  duplicates: count('duplicate'),
  stuck: count('stuck'),
  unexplained: count('unexplained'),
  seconds: Math.round((performance.now() - begun) / 1000),
}
console.log(
  `chaos ${Object.entries(line)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}`,
)
process.exit(figures.violations.length === 0 ? 0 : 1)

function whole(name: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  console.error(`--${name} must be a whole number`)
  process.exit(2)
}
