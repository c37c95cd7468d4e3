// Bundles the server, the process of an emulated machine and the sample agent, each into one file of JavaScript, in `dist/server/` or
// another directory. They find all other files of the repository where their sources find them. Where there is no emulator, as in
// the image for production, the server is bundled without it.
import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { build, type Plugin } from 'esbuild'

const { file, fingerprintOf } = createRequire(import.meta.url)('./server-bundle.cjs') as {
  file: string
  fingerprintOf: (inputs: string[]) => string
}

const root = join(import.meta.dirname, '..')

const ENTRIES = [
  'functions/node.ts',
  'lib/emulator/node/guest-process.ts',
  'lib/emulator/sample-agent/sample-agent.ts',
]
  .map((path) => join(root, path))
  .filter((path) => existsSync(path))

const hasEmulator = existsSync(join(root, 'lib/emulator'))

/** What decides which files are bundled, beside the files themselves. */
const RESOLUTION = ['commands/build-server.ts', 'tsconfig.json', 'node_modules/.package-lock.json']

const ADDRESSES = /new URL\('([^']+)', import\.meta\.url\)|import\.meta\.(url|dirname)/g

/**
 * @param outdir below the root, so that packages outside of the bundle are found
 * @throws when a source has a mistake, or was changed meanwhile
 */
export async function buildServer(outdir = dirname(file)): Promise<void> {
  const started = Date.now()
  const { metafile, outputFiles } = await bundle(ENTRIES, outdir)
  const inputs = [...Object.keys(metafile.inputs), ...RESOLUTION].filter(isFile)
  const fingerprint = fingerprintOf(inputs)
  const late = inputs.find((input) => statSync(join(root, input)).mtimeMs > started)
  if (late !== undefined) throw new Error(`${late} was changed while the server was built from it`)
  mkdirSync(outdir, { recursive: true })
  // The entry is the last, and complete when it appears.
  for (const { path, text } of outputFiles.toSorted(
    (a, b) => Number(isEntry(a.path)) - Number(isEntry(b.path)),
  )) {
    const draft = `${path}.${process.pid}`
    writeFileSync(draft, isEntry(path) ? `// ${JSON.stringify({ inputs, fingerprint })}\n${text}` : text)
    renameSync(draft, path)
  }
}

/** Makes programs for Node of their sources, in memory. Each becomes one file, for this directory below the root. */
export const bundle = (entries: string[], outdir: string) =>
  build({
    entryPoints: entries,
    entryNames: '[name]',
    outdir,
    write: false,
    metafile: true,
    absWorkingDir: root,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    // PGlite reads files beside its code. The server reports an emulator that it does not find.
    external: ['@electric-sql/pglite', ...(hasEmulator ? [] : ['./embedded-fly.ts'])],
    // Packages in CommonJS call `require`.
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
    plugins: [addressesFrom(outdir)],
    logLevel: 'warning',
  })

const isEntry = (path: string): boolean => basename(path) === basename(file)

const isFile = (input: string): boolean =>
  statSync(join(root, input), { throwIfNoEntry: false })?.isFile() === true

/** Modules keep the addresses that they have as sources, and the programs that they start are bundles too. */
const addressesFrom = (outdir: string): Plugin => ({
  name: 'addresses',
  setup(bundler) {
    bundler.onLoad({ filter: /\.ts$/ }, async ({ path }) => ({
      loader: 'ts',
      contents: (await readFile(path, 'utf8')).replaceAll(
        ADDRESSES,
        (_, named: string | undefined, property: string | undefined) => {
          if (property === 'dirname')
            return `(import.meta.dirname + ${JSON.stringify(`/${relative(outdir, dirname(path))}`)})`
          const target = named === undefined ? path : resolve(dirname(path), named)
          const isProgram = named !== undefined && ENTRIES.includes(target)
          const address = isProgram ? `./${basename(target, '.ts')}.js` : relative(outdir, target)
          return `new URL(${JSON.stringify(address)}, import.meta.url)${named === undefined ? '.href' : ''}`
        },
      ),
    }))
  },
})

if (process.argv[1] === import.meta.filename) await buildServer()
