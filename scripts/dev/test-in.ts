// `npm run test:pglite`, `npm run test:workerd`: the behaviour tests, run in another place than `npm test` runs them in.
// Further arguments are vitest's.
import { spawnSync } from 'node:child_process'
import { PLACES } from '../../test/support/place-name.ts'

const [place = '', ...rest] = process.argv.slice(2)
if (!Object.hasOwn(PLACES, place)) {
  const names = Object.entries(PLACES).map(([name, what]) => `  ${name.padEnd(10)}${what}`)
  console.error(['Usage: node scripts/dev/test-in.ts PLACE [vitest arguments]', '', ...names].join('\n'))
  process.exit(2)
}
const { status } = spawnSync('vitest', ['run', '--dir', 'test/behaviour', ...rest], {
  stdio: 'inherit',
  env: { ...process.env, TEST_PLACE: place },
})
process.exitCode = status ?? 1
