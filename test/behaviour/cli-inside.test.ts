// The command line inside a workspace: logs, commands, files, disks and snapshots.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cli, useCliSettings } from '../support/cli.ts'
import { createHarness, type Harness } from '../support/harness.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
  await h.createWorkspace({ name: 'coder' })
})
afterAll(() => h.close())

const directory = useCliSettings(() => h)

test('logs prints the newest lines of the machine', async () => {
  const { code, stdout } = await cli('logs', 'coder', '-n', '3')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^\d{4}-\d\d-\d\dT.*Z {2}\w+ +\S/)
})

test('exec passes output and the exit code of a command', async () => {
  expect(await cli('exec', 'coder', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3')).toEqual({
    code: 3,
    stdout: 'out\n',
    stderr: 'err\n',
  })
})

test('exec --json prints the output as text', async () => {
  const { stdout } = await cli('exec', 'coder', '--json', '--', 'sh', '-c', 'echo grün; exit 3')
  expect(JSON.parse(stdout)).toMatchObject({ exit_code: 3, stdout: 'grün\n', stderr: '' })
})

test('cp copies a file into the machine and back', async () => {
  const file = join(directory(), 'notes.txt')
  writeFileSync(file, 'what was learned')
  expect(await cli('cp', file, 'coder:/workspace/')).toMatchObject({ code: 0, stdout: '' })
  rmSync(file)
  expect((await cli('cp', 'coder:/workspace/notes.txt', directory())).code).toBe(0)
  expect(readFileSync(file, 'utf8')).toBe('what was learned')
  const wrong = await cli('cp', file, directory())
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toContain('workspace:/path')
})

test('a disk is listed, has snapshots, and is copied by fork', async () => {
  expect((await cli('disks', 'ls')).stdout).toMatch(/disk_\w+ +ready +1 GB/)
  const taken = await cli('snapshots', 'take', 'coder')
  expect(taken.code).toBe(0)
  expect((await cli('snapshots', 'ls', 'coder')).stdout).toContain(taken.stdout.trim())
  const forked = await cli('fork', 'coder', 'coder-two')
  expect(forked.stdout).toMatch(/^coder-two {2}ready/)
  expect((await cli('disks', 'ls')).stdout.match(/disk_/g)?.length).toBe(2)
})
