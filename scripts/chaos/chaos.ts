// `npm run chaos`: proves that nothing leaks, nothing is lost or doubled, nothing is stuck and every failure has a reason. It
// drives the real server through everything that can go wrong at once, and ends with one line of figures.
import { parseArgs } from 'node:util'
import { controlClock } from './clock.ts'
import { VIOLATIONS, type Violation } from './parts.ts'
import { runChaos } from './run.ts'
import { type Backend, CONTROL_PLANES, type ControlPlaneName, FAULTS } from './stage.ts'

const HELP = `npm run chaos -- [options]

Three control planes in the same apps of one emulated Fly, or on one Docker daemon: the first and the second with two replicas each
on databases of one Postgres, the third with one replica and the embedded database. Random users work; senders of hooks, receivers of events,
delegating agents and an operator with rollouts work too. Some agents are slow, silent, busy, broken or hostile. Meanwhile these
faults strike:

  fly            faults of machines of the emulated Fly
  volumes        faults of volumes and of their hosts
  operator       a person changes machines by hand, and leaves foreign and orphaned ones
  containers     with Docker, a person kills, stops, pauses, starts, renames and removes containers, and leaves such ones
  daemon         dockerd is restarted, or ends with SIGKILL and is started again
  kills          replicas end with SIGKILL and SIGTERM; the embedded database with its replica
  clocks         clocks of replicas jump by up to five minutes, forward and back
  connections    connections to Postgres break, stop, are slow or refused
  migrations     the first control plane starts with an old schema, which is migrated under load, again and again
  postgres-kill  Postgres is killed, and recovers
  disk-full      the disk of Postgres or of the embedded database is full (Linux, as root; else it is skipped)

Then the faults end, everything gets a bounded time to settle, and this must hold: one machine for each workspace that wants one
and none for the others, in the wanted state; no other machine of these control planes; machines of others untouched; no
transient status; nothing due or leased; no stored message, delegation, rollout or delivery under way; a reason for every
failure; each disk once, with its workspace's machine, and with every count that its agent acknowledged; an unbroken log of events; every event delivered; no message lost or delivered twice, and none reported as not delivered
that was.

  --backend B      fly (the emulator) or docker (a real dockerd of its own; Linux, as root)    default fly
  --workspaces N   how many are created                      default 300
  --seed N         chooses what happens, not when             default: any
  --seconds S      how long the chaos lasts                   default 90 + workspaces / 2
  --settle S       how long it may take to settle             default 900
  --speed K        the clock of all processes runs K times as fast; seconds above are its seconds. default 4, and with
                   Docker always 1: the clock of a real daemon cannot be hurried
  --least P        percentage of messages that must be answered and of workspaces that must become ready,
                   so that the run proves something           default 15
  --faults A,B     only these                                 default: all of the backend
  --control-planes A,B   of ${Object.keys(CONTROL_PLANES).join(', ')}     default: all
  --database URL   an empty Postgres database                 default: a server is started for the run; others are not
                   killed, and their disk is never full

Ends with one line: what the verdict rests on, and how often each rule was broken. lifecycles is how often a workspace became
ready; messages counts those of users, hooks and delegations; answered those of them that an agent answered, and stored those of
the answered that were stored first; webhooks counts delivered events; faults counts those of every kind but kills; seconds is
real time. Exit code 1 unless all numbers after the figures are 0.
`

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'fly' },
    workspaces: { type: 'string', default: '300' },
    seed: { type: 'string' },
    seconds: { type: 'string' },
    settle: { type: 'string', default: '900' },
    speed: { type: 'string' },
    least: { type: 'string', default: '15' },
    faults: { type: 'string' },
    'control-planes': { type: 'string', default: Object.keys(CONTROL_PLANES).join(',') },
    database: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help === true) {
  console.log(HELP)
  process.exit(0)
}

const begun = performance.now()
const [backend = 'fly'] = some('backend', values.backend, Object.keys(FAULTS) as Backend[])
const workspaces = whole('workspaces', values.workspaces)
const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : whole('seed', values.seed)
const pace = { speed: whole('speed', values.speed ?? (backend === 'docker' ? '1' : '4')), epoch: Date.now() }
if (backend === 'docker' && pace.speed !== 1) refuse('--speed must be 1 with Docker')
controlClock(pace)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const { figures, stories, violations } = await runChaos({
  backend,
  workspaces,
  seed,
  seconds: whole('seconds', values.seconds ?? String(90 + Math.ceil(workspaces / 2))),
  settleSeconds: whole('settle', values.settle),
  pace,
  leastProven: whole('least', values.least) / 100,
  faults: some('faults', values.faults ?? FAULTS[backend].join(','), FAULTS[backend]),
  controlPlanes: some(
    'control-planes',
    values['control-planes'],
    Object.keys(CONTROL_PLANES) as ControlPlaneName[],
  ),
  database: values.database,
  report: (line) => console.error(line),
})
for (const { kind, workspace, what } of violations) console.error(`${kind}: ${workspace ?? '-'}: ${what}`)
for (const story of stories) console.error(`\n${story}`)

const counts = Object.entries(VIOLATIONS).map(([kind, name]) => [
  name,
  violations.filter((one: Violation) => one.kind === kind).length,
])
const line = {
  seed,
  ...figures,
  ...(Object.fromEntries(counts) as Record<string, number>),
  seconds: Math.round((performance.now() - begun) / 1000),
}
console.log(
  `chaos ${Object.entries(line)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}`,
)
process.exit(violations.length === 0 ? 0 : 1)

function whole(name: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  return refuse(`--${name} must be a whole number`)
}

function refuse(why: string): never {
  console.error(why)
  process.exit(2)
}

function some<Name extends string>(option: string, text: string, all: readonly Name[]): Name[] {
  const names = text.split(',')
  const unknown = names.find((name) => !(all as readonly string[]).includes(name))
  if (unknown === undefined) return names as Name[]
  return refuse(`--${option}: ${unknown} is none of ${all.join(', ')}`)
}
