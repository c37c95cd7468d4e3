// Bundles the console into `assets/console/` below a directory: one script and one style sheet, which the page of
// functions/routes/console.ts loads.
import { build } from 'esbuild'
import { join } from 'node:path'

const source = join(import.meta.dirname, '../console')

/** @param assets the directory of static files, such as `dist/assets` */
export async function buildConsole(assets: string): Promise<void> {
  await build({
    entryPoints: [
      { in: join(source, 'main.tsx'), out: 'console' },
      { in: join(source, 'styles/console.css'), out: 'console' },
    ],
    outdir: join(assets, 'console'),
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'warning',
  })
}
