// Builds `dist/` after `npm ci`: `assets/`, the static files that the server delivers (on Workers outside the script),
// `server/`, what `npm start` runs, and `npm/`, the client and the command line as JavaScript for the npm package.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')
const scalar = join(root, 'node_modules/@scalar/api-reference/dist/browser/standalone.js')
const compiler = join(root, 'node_modules/typescript/bin/tsc')

rmSync(dist, { recursive: true, force: true })
mkdirSync(dist)
cpSync(join(root, 'assets'), join(dist, 'assets'), { recursive: true })

// Each part is left out where its source or its development dependency is missing, as in a container image.
if (existsSync(scalar)) cpSync(scalar, join(dist, 'assets/docs/scalar.js'))
else console.warn('dist/ has no API reference: it needs the development dependencies (npm ci).')

const bundler = join(root, 'node_modules/esbuild')
if (existsSync(bundler) && existsSync(join(root, 'console'))) {
  const { buildConsole } = await import('./build-console.ts')
  await buildConsole(join(dist, 'assets'))
} else console.warn('dist/ has no console: it needs the development dependencies (npm ci).')

if (existsSync(bundler) && existsSync(join(root, 'lib/emulator'))) {
  const { buildServer } = await import('./build-server.ts')
  await buildServer()
}

if (existsSync(join(root, 'node_modules/wrangler')) && existsSync(join(root, 'functions'))) {
  const { buildDescription } = await import('./build-description.ts')
  await buildDescription(join(dist, 'assets'))
}

if (existsSync(compiler) && existsSync(join(root, 'cli'))) {
  execFileSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' })
  cpSync(join(root, 'client/api.d.ts'), join(dist, 'npm/client/api.d.ts'))
}
