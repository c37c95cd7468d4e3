// Runs the command line in this process, and captures what it prints.
import { vi } from 'vitest'
import { createProgram, run } from '../../cli/program.ts'

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
