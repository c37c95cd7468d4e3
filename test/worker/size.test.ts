// Measures what `wrangler deploy` would upload, since a Worker that starts anew reads all of it, and compares docs/performance.md. The
// Worker for staging is that of production (test/project/deploy-files.test.ts).
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { bundleWorker } from '../support/worker-bundle.ts'

/** Gzipped. Cloudflare allows 3 MiB on the free plan; a larger Worker starts later. Over Hyperdrive it contains node-postgres. */
const MAX_KIB = { neon: 280, hyperdrive: 308 }

/** By how much the documented figures may be out of date. */
const TOLERANCE_KIB = 5

const document = readFileSync(new URL('../../docs/performance.md', import.meta.url), 'utf8')
const row = /\| the Worker, gzipped \| (\d+) KiB \((\d+) over Hyperdrive\) \|/.exec(document)
if (row === null) {
  throw new Error('docs/performance.md has no row "| the Worker, gzipped | n KiB (n over Hyperdrive) |"')
}
const [, overNeon, overHyperdrive] = row

test.each([
  ['', MAX_KIB.neon, overNeon],
  ['hyperdrive', MAX_KIB.hyperdrive, overHyperdrive],
])(
  'wrangler deploy --env="%s" uploads a Worker of at most %s KiB, and of about the %s KiB that are documented',
  async (environment, limit, documented) => {
    const { gzipKiB } = await bundleWorker({ environment })
    console.log(`--env="${environment}": ${gzipKiB} KiB gzipped`)
    expect(gzipKiB).toBeLessThanOrEqual(limit)
    expect(Math.abs(gzipKiB - Number(documented))).toBeLessThanOrEqual(TOLERANCE_KIB)
  },
)
