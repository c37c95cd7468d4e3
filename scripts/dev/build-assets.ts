// Collects the static files that the server delivers in `dist/`: on Workers they are static assets outside the script,
// on Node functions/node/assets.ts reads them. Runs after `npm ci`.
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const dist = join(root, 'dist')
const scalar = join(root, 'node_modules/@scalar/api-reference/dist/browser/standalone.js')

rmSync(dist, { recursive: true, force: true })
mkdirSync(dist)
cpSync(join(root, 'assets'), dist, { recursive: true })
if (existsSync(scalar)) cpSync(scalar, join(dist, 'docs/scalar.js'))
else console.warn('The API reference is left out: its package is a development dependency (npm ci).')
