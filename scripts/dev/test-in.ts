// Runs the tests of behaviour and of the console against another target than `npm test` does: `npm run test:pglite`,
// `npm run test:workerd`. Further arguments are passed to vitest, whose configuration knows the files.
import { spawnSync } from 'node:child_process'
import { TARGETS } from '../../test/support/test-target.ts'

const [target = '', ...rest] = process.argv.slice(2)
if (!Object.hasOwn(TARGETS, target)) {
  const names = Object.entries(TARGETS).map(([name, description]) => `  ${name.padEnd(12)}${description}`)
  console.error(['Usage: node scripts/dev/test-in.ts TARGET [vitest arguments]', '', ...names].join('\n'))
  process.exit(2)
}
const { status } = spawnSync('vitest', ['run', ...rest], {
  stdio: 'inherit',
  env: { ...process.env, TEST_TARGET: target },
})
process.exitCode = status ?? 1
