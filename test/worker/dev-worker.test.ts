// `npm run dev:worker` as a process.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freePorts } from '../support/ports.ts'
import { spawnNode } from '../support/server.ts'

test('npm run dev:worker becomes ready without an account, prints what to try, and ends', async () => {
  const home = mkdtempSync(join(tmpdir(), 'dev-worker-test-'))
  const [port] = await freePorts(1)
  const { child, exited, printed } = spawnNode(
    'scripts/dev/dev-worker.ts',
    { HOME: home, PORT: String(port) },
    ['--once'],
  )
  onTestFinished(() => void child.kill('SIGTERM'))
  expect(await exited, printed.stderr).toEqual({ code: 0, signal: null })
  expect(printed.stdout).toContain(`export BASE_URL=http://127.0.0.1:${port} ADMIN_TOKEN=`)
  await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow()
  rmSync(home, { recursive: true, force: true })
})

test('npm run dev:worker explains itself with --help', async () => {
  const { exited, printed } = spawnNode('scripts/dev/dev-worker.ts', {}, ['--help'])
  expect(await exited).toEqual({ code: 0, signal: null })
  expect(printed.stdout).toMatch(/^npm run dev:worker/)
})
