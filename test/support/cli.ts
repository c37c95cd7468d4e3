// Runs the command line in this process against a harness, and captures what it prints.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, vi } from 'vitest'
import { createProgram, run } from '../../cli/program.ts'
import type { Harness } from './harness.ts'

/** The address that stands for the harness. */
export const CLI_SERVER = 'http://localhost:8080'

/**
 * Gives each test of a file settings in a directory of its own, and requests that end in the harness.
 * @returns the directory of the current test
 */
export function useCliSettings(harness: () => Harness, env: Record<string, string> = {}): () => string {
  let directory = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cli-test-'))
    const settings = {
      MOLECULE_FLY_CONFIG: join(directory, 'config.json'),
      MOLECULE_FLY_URL: CLI_SERVER,
      ...env,
    }
    for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value)
    vi.stubGlobal('fetch', (input: Request | string, init?: RequestInit) => {
      const { body, headers, method, signal, url } = new Request(input, init)
      return harness().fetchRaw(url.replace(CLI_SERVER, ''), { method, headers, body, signal })
    })
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    vi.unstubAllGlobals()
    rmSync(directory, { recursive: true, force: true })
  })
  return () => directory
}

/** Runs the command line. @returns what it printed, and its exit code */
export async function cli(...args: string[]) {
  const printed = { stdout: '', stderr: '' }
  const capture = (name: keyof typeof printed) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      printed[name] += String(chunk)
      return true
    })
  const spies = [capture('stdout'), capture('stderr')]
  process.exitCode = 0
  try {
    const code = await run(createProgram('1.2.3'), args)
    return { ...printed, code }
  } finally {
    for (const spy of spies) spy.mockRestore()
    process.exitCode = 0
  }
}
