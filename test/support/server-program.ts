// The server as one bundle, made once in a test run: a start from the sources compiles some hundred modules and needs several times
// the processor time. It finds its files, and the programs that it starts, in the sources.
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Plugin, build as bundle } from 'esbuild'
import { isInRun, onceInRun } from './once-in-run.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The entry of `npm start`, relative to the root of the repository. */
export const SERVER_SOURCE = 'functions/node.ts'

/** Modules keep the address of their source. */
const sourceAddresses: Plugin = {
  name: 'source-addresses',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => ({
      loader: 'ts',
      contents: (await readFile(path, 'utf8'))
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path))),
    }))
  },
}

/** @returns the bundle, or the source outside of a test run */
export async function serverProgram(): Promise<string> {
  if (!isInRun()) return SERVER_SOURCE
  const directory = await onceInRun('server', (outdir) =>
    bundle({
      entryPoints: [join(ROOT, SERVER_SOURCE)],
      outfile: join(outdir, 'server.js'),
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: `node${process.versions.node}`,
      // It reads files beside its code.
      external: ['@electric-sql/pglite'],
      // Packages in CommonJS call `require`.
      banner: {
        js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
      },
      plugins: [sourceAddresses],
      logLevel: 'warning',
    }),
  )
  return join(directory, 'server.js')
}
