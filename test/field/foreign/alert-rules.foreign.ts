// The alert rules in Prometheus' own tool: it accepts them, and each fires when it should and at no other time.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { hasPart, partPath } from './parts.ts'

const monitoring = fileURLToPath(new URL('../../../monitoring', import.meta.url))
const promtool = (...args: string[]) =>
  execFileSync(partPath('promtool'), args, { cwd: monitoring, encoding: 'utf8' })

test.runIf(hasPart('promtool'))('promtool accepts the alert rules', () => {
  expect(promtool('check', 'rules', 'alerts.yaml')).toMatch(/SUCCESS: \d+ rules found/)
})

test.runIf(hasPart('promtool'))(
  'every alert fires when everything is wrong, and none when all is well',
  () => {
    expect(promtool('test', 'rules', 'alerts.test.yaml')).toContain('SUCCESS')
  },
)
