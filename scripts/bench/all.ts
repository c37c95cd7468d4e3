// `npm run bench:all`: runs the benches one after the other, compares their figures with the goals and with the run before, and
// writes both into docs/performance.md.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { type Figure, figureTable, readJson } from './support/figures.ts'
import { benchOptions, refuse } from './support/options.ts'
import { fixedWorkMs } from './all/processor-speed.ts'
import { type Computer, reportOf, withReport } from './all/report.ts'
import { median } from './proxy/statistics.ts'

/** The benches with options that keep a whole run under 15 minutes on two quiet processors. */
const BENCHES: Readonly<Record<string, readonly string[]>> = {
  proxy: [
    '--database',
    'postgres',
    '--only',
    'direct,ours,node,go,nginx',
    '--seconds',
    '4',
    '--rounds',
    '12',
  ],
  requests: ['--seconds', '6', '--rounds', '20'],
  reads: ['--requests', '60', '--events', '2000000'],
  sweep: [],
  events: ['--seconds', '8'],
  webhooks: ['--events', '4000'],
  'body-cpu': [],
  'slow-reader': ['--megabytes', '256'],
  files: ['--megabytes', '10'],
  day: ['--workspaces', '100', '--hours', '6'],
  console: ['--seconds', '10'],
  edge: ['--runs', '7', '--requests', '100'],
  boot: ['--runs', '3'],
}

const DOCUMENT = join(import.meta.dirname, '../../docs/performance.md')

const options = benchOptions(
  'bench:all',
  `Runs ${Object.keys(BENCHES).join(', ')} one after the other, and writes their figures into docs/performance.md, beside those of the
run before. Nothing else should use the computer meanwhile.`,
  { only: { says: 'some of the benches; then no document is written', default: '' } },
)
const only = options.only === '' ? Object.keys(BENCHES) : options.only.split(',')
const unknown = only.find((name) => !(name in BENCHES))
if (unknown !== undefined) refuse(`--only: ${unknown} is not one of ${Object.keys(BENCHES).join(', ')}`)

const began = performance.now()
const figures: Figure[] = []
const failed: string[] = []
/** One for each bench, taken before it. The first piece of work of this process compiles its code. */
const speeds: number[] = []
fixedWorkMs()
for (const name of only) {
  speeds.push(fixedWorkMs())
  process.stderr.write(`${name} … `)
  const since = performance.now()
  const measured = await run(name)
  process.stderr.write(`${Math.round((performance.now() - since) / 1_000)} s\n`)
  if (measured === undefined) failed.push(name)
  else figures.push(...measured)
}
figures.unshift(
  { title: 'this computer, a fixed piece of work', value: median(speeds), unit: 'ms' },
  {
    title: 'this computer, slowest ÷ fastest of that work',
    value: Math.max(...speeds) / Math.min(...speeds),
  },
)
const computer: Computer = {
  processors: availableParallelism(),
  model: cpus()[0]?.model ?? 'unknown',
  memoryGb: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  at: new Date(),
  seconds: Math.round((performance.now() - began) / 1_000),
}
if (options.json) console.log(JSON.stringify({ computer, figures, failed }))
else console.log(figureTable(figures))
for (const name of failed) console.error(`bench:${name} printed no figures`)
if (options.only === '') {
  const document = readFileSync(DOCUMENT, 'utf8')
  writeFileSync(DOCUMENT, withReport(document, reportOf(figures, computer, document)))
}
process.exitCode = failed.length === 0 ? 0 : 1

/** @returns undefined when it printed none; a bench that missed a goal ends with 1, and has figures */
async function run(name: string): Promise<Figure[] | undefined> {
  const script = join(import.meta.dirname, `${name}.ts`)
  const child = spawn(process.execPath, [script, '--json', ...(BENCHES[name] ?? [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  await once(child, 'close')
  try {
    return readJson(printed)
  } catch {
    process.stderr.write(`\n${errors.slice(-2_000)}\n`)
    return undefined
  }
}
