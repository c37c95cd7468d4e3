// `npm run bench:edge`: the start-up cost of the Worker, compared with an empty Worker in the same run: its size, the evaluation
// of its modules, and the time and processor time from a new workerd to the first answer; and the processor time of each kind of
// request.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { childrenOf } from '../../test/support/processes.ts'
import { bundleWorker } from '../../test/support/worker-bundle.ts'
import { startWorkerd } from '../../test/support/worker.ts'
import { measureRequests } from './edge/requests.ts'
import { median } from './proxy/statistics.ts'
import { type Figure, figureTable, printJson } from './support/figures.ts'
import { benchOptions } from './support/options.ts'
import { cpuSeconds } from './support/process-stats.ts'

const ABOUT = `Bundles the Worker as a deploy would, and starts it and an empty Worker in turns, each in a workerd of its own. Prints
medians and ratios. Then it sends requests of each kind to one Worker, with a Postgres and an emulated Fly, and prints the
processor time of workerd for one request.`

const { json, requests, runs } = benchOptions('bench:edge', ABOUT, {
  runs: { says: 'starts of each Worker', default: 15 },
  requests: { says: 'measured requests of each kind', default: 200 },
})

/** No request goes to these addresses: /livez needs none. */
const SETTINGS = {
  CONTAINER_BACKEND: 'flyio',
  FLY_API_TOKEN: 'bench-token',
  FLY_WORKSPACE_APP: 'bench-app',
  DATABASE_URL: 'postgres://user:password@127.0.0.1/bench',
  PUBLIC_URL: 'https://bench.example',
  ADMIN_TOKEN: 'a-token-of-the-bench',
  LOG_LEVEL: 'silent',
}

const EMPTY = `export default { fetch: () => new Response('{"status":"ok"}') }`

type Figures = { evaluated: number[]; answered: number[]; cpu: number[] }
const noFigures = (): Figures => ({ evaluated: [], answered: [], cpu: [] })

const directory = mkdtempSync(join(tmpdir(), 'bench-edge-'))
try {
  const { code } = await bundleWorker()
  const workers = [
    { code, file: join(directory, 'ours.mjs'), figures: noFigures() },
    { code: EMPTY, file: join(directory, 'empty.mjs'), figures: noFigures() },
  ] as const
  for (const worker of workers) writeFileSync(worker.file, worker.code)
  for (let run = 0; run <= runs; run++) {
    process.stderr.write(`\rrun ${run} of ${runs}`)
    // In turns, so that other load on this computer affects both. The first run warms up.
    for (const worker of workers)
      await measure(worker.code, worker.file, run === 0 ? noFigures() : worker.figures)
  }
  process.stderr.write('\n')
  const [ours, empty] = workers
  const ratio = (name: keyof Figures) => median(ours.figures[name]) / median(empty.figures[name])
  const figures: Figure[] = [
    {
      title: 'the Worker, gzipped',
      value: gzipSync(code).length / 1024,
      unit: 'KiB',
      atMost: 280,
    },
    {
      title: 'processor time of its top level',
      value: median(ours.figures.evaluated),
      unit: 'ms',
      atMost: 100,
    },
    { title: 'new workerd → 200 on /livez ÷ an empty Worker', value: ratio('answered') },
    { title: 'processor time until then ÷ an empty Worker', value: ratio('cpu') },
    ...(await measureRequests(code, requests)).map(({ cpuMs, name }) => ({
      title: `Worker, ${name}`,
      value: cpuMs,
      unit: 'ms',
      atMost: 10,
    })),
  ]
  if (json) printJson(figures)
  else {
    console.log(
      `medians of ${runs} runs; processor time of workerd for a request, warm, mean of ${requests}\n`,
    )
    console.log(figureTable(figures))
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}
// The agents of the emulated Fly run in this process, and send heartbeats as long as it runs.
process.exit()

async function measure(code: string, file: string, into: Figures): Promise<void> {
  into.evaluated.push(evaluation(file))
  const others = new Set(childrenOf(process.pid, 'workerd'))
  const begun = performance.now()
  const worker = await startWorkerd(code, SETTINGS)
  const response = await fetch(`${worker.url}/livez`)
  into.answered.push(performance.now() - begun)
  const [pid] = childrenOf(process.pid, 'workerd').filter((one) => !others.has(one))
  into.cpu.push(1000 * ((pid === undefined ? undefined : cpuSeconds(pid)) ?? NaN))
  const text = await response.text()
  await worker.close()
  if (response.status !== 200 || !text.includes('"ok"')) {
    throw new Error(`/livez answered ${response.status}: ${text}`)
  }
}

/**
 * Milliseconds of processor time that V8 needs to compile a bundle and run its top level, in a separate process, because
 * workerd shows no clock there. Cloudflare allows a second.
 */
function evaluation(file: string): number {
  const script = `const begun = process.cpuUsage(); await import(${JSON.stringify(file)}); const { user, system } = process.cpuUsage(begun); console.log((user + system) / 1000)`
  const { status, stderr, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  return Number(stdout)
}
