// `npm run dev:worker` as a process.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readDescription } from '../../commands/build-description.ts'
import type { ApiDocument } from '../../functions/description/api-document.ts'
import { expectConsole } from '../support/console-assets.ts'
import { freePorts } from '../support/ports.ts'
import { spawnNode } from '../support/server.ts'

test('npm run dev:worker becomes ready without an account, prints what to try, serves the console and the API description, and ends', async () => {
  const home = mkdtempSync(join(tmpdir(), 'dev-worker-test-'))
  const [port] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  const { child, exited, printed } = spawnNode('scripts/dev/dev-worker.ts', {
    HOME: home,
    PORT: String(port),
  })
  onTestFinished(() => void child.kill('SIGTERM'))
  const ready = expect
    .poll(() => printed.stdout, { timeout: 150_000 })
    .toContain(`export BASE_URL=${url} ADMIN_TOKEN=`)
  await Promise.race([
    ready,
    exited.then(({ code }) => Promise.reject(new Error(`${code}: ${printed.stderr}`))),
  ])
  await expectConsole(url)
  const description = (await (await fetch(`${url}/openapi.json`)).json()) as ApiDocument
  const servers = [{ url, description: 'This server.' }]
  expect(description).toEqual({ ...(JSON.parse(await readDescription()) as ApiDocument), servers })
  child.kill('SIGTERM')
  expect(await exited, printed.stderr).toEqual({ code: 0, signal: null })
  await expect(fetch(`${url}/livez`)).rejects.toThrow()
  rmSync(home, { recursive: true, force: true })
})

test('npm run dev:worker explains itself with --help', async () => {
  const { exited, printed } = spawnNode('scripts/dev/dev-worker.ts', {}, ['--help'])
  expect(await exited).toEqual({ code: 0, signal: null })
  expect(printed.stdout).toMatch(/^npm run dev:worker/)
})
