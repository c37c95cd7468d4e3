// Bundles the Worker with wrangler and wrangler.toml, as it would be uploaded to Cloudflare.
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { COMPILE_CACHE, onceInRun } from './once-in-run.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const WRANGLER = createRequire(import.meta.url).resolve('wrangler/package.json')

export type Bundle = {
  code: string
  /** The modules in it, and the modules that the runtime provides. */
  inputs: string[]
  externals: string[]
  /** What wrangler says it would upload: KiB, gzipped. */
  gzipKiB: number
}

type BundleOptions = { entry?: string; environment?: string }

/**
 * Bundles functions/worker.ts, or another entry, with `wrangler deploy --dry-run`, which uploads nothing. No flag changes the
 * code: the tests run the bytes that a deploy uploads. Each bundle is made once in a test run.
 * @param options.entry a path relative to the root of the repository
 * @param options.environment of wrangler.toml
 */
export async function bundleWorker(options: BundleOptions = {}): Promise<Bundle> {
  const name = `worker-${options.environment ?? ''}-${(options.entry ?? '').replaceAll('/', '-')}`
  const directory = await onceInRun(name, async (out) =>
    writeFileSync(join(out, 'bundle.json'), JSON.stringify(await runWrangler(options))),
  )
  return JSON.parse(readFileSync(join(directory, 'bundle.json'), 'utf8')) as Bundle
}

async function runWrangler(options: BundleOptions): Promise<Bundle> {
  const out = mkdtempSync(join(tmpdir(), 'worker-'))
  try {
    const flags = ['--dry-run', '--outdir', out, '--metafile', join(out, 'meta.json')]
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        join(WRANGLER, '../bin/wrangler.js'),
        'deploy',
        ...(options.entry === undefined ? [] : [options.entry]),
        `--env=${options.environment ?? ''}`,
        ...flags,
      ],
      {
        cwd: ROOT,
        // Without the banner, wrangler does not check for a newer version.
        env: {
          PATH: process.env['PATH'],
          HOME: out,
          NODE_COMPILE_CACHE: COMPILE_CACHE,
          WRANGLER_HIDE_BANNER: 'true',
          WRANGLER_SEND_METRICS: 'false',
        },
      },
    )
    const bundle = readdirSync(out).find((name) => name.endsWith('.js'))
    if (bundle === undefined) throw new Error('wrangler made no bundle')
    const [, gzipKiB] = /^Total Upload: .* gzip: ([\d.]+) KiB$/m.exec(stdout) ?? []
    if (gzipKiB === undefined) throw new Error(`wrangler printed no size: ${stdout}`)
    const meta = JSON.parse(readFileSync(join(out, 'meta.json'), 'utf8')) as {
      inputs: Record<string, { imports: { path: string; external?: boolean }[] }>
    }
    return {
      code: readFileSync(join(out, bundle), 'utf8'),
      gzipKiB: Number(gzipKiB),
      inputs: Object.keys(meta.inputs),
      externals: Object.values(meta.inputs).flatMap(({ imports }) =>
        imports
          .filter(({ path, external }) => external === true && path !== '<runtime>')
          .map(({ path }) => path),
      ),
    }
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}
