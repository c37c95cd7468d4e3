// `npm run bench:files`: moves a file up and down through both runtimes, into a machine of the emulated Fly with Fly's rate
// limits, and compares checksums. Prints the times, and how much the memory of the runtime grew. Exit code 1 when the bytes
// differ or the memory grew by more than the limit.
import { createHash, randomBytes } from 'node:crypto'
import { startLoopbackFly } from '../../test/support/loopback-fly.ts'
import { startNodeServer, startWorkerServer, type Target } from './files/targets.ts'
import { type Figure, printJson } from './support/figures.ts'
import { benchOptions, refuse } from './support/options.ts'
import { residentKb } from './support/process-stats.ts'

/** Accepted growth of a runtime's memory (RSS): at its peak, and after its garbage was collected, where that can be forced. */
const MOST_PEAK_MB = 300
const MOST_HELD_MB = 40

const { json, megabytes, only } = benchOptions(
  'bench:files',
  'Uploads a random file, and downloads it again, through the server on Node and through the Worker in workerd.',
  {
    megabytes: { says: 'size of the file, up to 100', default: 100 },
    only: { says: 'node or workerd', default: '' },
  },
)
if (!Number.isInteger(megabytes) || megabytes > 100)
  refuse('--megabytes must be a whole number from 1 to 100')
if (!['', 'node', 'workerd'].includes(only)) refuse('--only must be node or workerd')

const figures: Figure[] = []

type Measured = { seconds: number; sha256: string; peakMb: number | undefined; heldMb: number | undefined }

async function measure(target: Target, move: () => Promise<string>): Promise<Measured> {
  await target.collect?.()
  const before = residentKb(target.pid)
  let most = before ?? 0
  const timer = setInterval(() => (most = Math.max(most, residentKb(target.pid) ?? 0)), 50)
  const began = performance.now()
  const sha256 = await move()
  const seconds = (performance.now() - began) / 1_000
  clearInterval(timer)
  const growth = (kb: number | undefined) =>
    before === undefined || kb === undefined ? undefined : (kb - before) / 1024
  await target.collect?.()
  return {
    seconds,
    sha256,
    peakMb: growth(most),
    heldMb: target.collect === undefined ? undefined : growth(residentKb(target.pid)),
  }
}

const isWithin = (megabytes: number | undefined, most: number) => megabytes === undefined || megabytes <= most
const mb = (megabytes: number | undefined) => (megabytes === undefined ? '–' : `${megabytes.toFixed(0)} MB`)

const file = randomBytes(megabytes * 2 ** 20)
const expected = createHash('sha256').update(file).digest('hex')

async function run(name: string, target: Target): Promise<boolean> {
  const path = `/workspaces/${target.workspaceId}/files/content?path=/data/file.bin`
  const url = new URL(path, target.url)
  // Warms up code and buffers, whose memory is not that of a file.
  await fetch(url, { method: 'PUT', headers: target.headers, body: file.subarray(0, 5_000_000) })
  await (await fetch(url, { headers: target.headers })).arrayBuffer()
  const up = await measure(target, async () => {
    const answer = await fetch(url, { method: 'PUT', headers: target.headers, body: file })
    return ((await answer.json()) as { sha256?: string }).sha256 ?? `status ${answer.status}`
  })
  const down = await measure(target, async () => {
    const hash = createHash('sha256')
    const answer = await fetch(url, { headers: target.headers })
    for await (const part of answer.body ?? []) hash.update(part as Uint8Array)
    return hash.digest('hex')
  })
  let isGood = true
  for (const [direction, { heldMb, peakMb, seconds, sha256 }] of [
    ['up', up],
    ['down', down],
  ] as const) {
    const isFlat = isWithin(peakMb, MOST_PEAK_MB) && isWithin(heldMb, MOST_HELD_MB)
    isGood &&= sha256 === expected && isFlat
    const bytes = sha256 === expected ? 'the same SHA-256' : `OTHER BYTES (${sha256})`
    figures.push(
      {
        title: `a file of ${megabytes} MiB ${direction}, ${name}, differing bytes`,
        value: sha256 === expected ? 0 : 1,
        atMost: 0,
      },
      { title: `a file of ${megabytes} MiB ${direction}, ${name}`, value: seconds, unit: 's' },
      {
        title: `a file of ${megabytes} MiB ${direction}, ${name}, memory at its peak`,
        value: peakMb ?? Number.NaN,
        unit: 'MB',
        atMost: MOST_PEAK_MB,
      },
    )
    if (!json)
      console.log(
        `${name.padEnd(8)} ${direction.padEnd(5)} ${megabytes} MiB in ${seconds.toFixed(1)} s, ${bytes}, memory at its peak +${mb(peakMb)}, afterwards +${mb(heldMb)}${isFlat ? '' : ': NOT FLAT'}`,
      )
  }
  return isGood
}

const starters = { node: startNodeServer, workerd: startWorkerServer }
let isGood = true
for (const [name, start] of Object.entries(starters)) {
  if (only !== '' && only !== name) continue
  const fly = await startLoopbackFly()
  const target = await start(fly.settings)
  try {
    isGood = (await run(name, target)) && isGood
  } finally {
    await target.stop()
    await fly.close()
  }
}
if (json) printJson(figures)
process.exit(isGood ? 0 : 1)
