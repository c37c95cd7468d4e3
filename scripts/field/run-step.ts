// Runs one program of a proof, and shows the end of its output when it fails.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** The longest that a step may take, in milliseconds. */
const STEP_TIMEOUT_MS = 300_000

/** How much of the output of a failed step is shown, in characters. */
const SHOWN = 4_000

/**
 * @param env variables beside those of this process
 * @returns what it wrote to its standard output
 * @throws Error with the end of its output if it does not end with 0 in time
 */
export async function runStep(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<string> {
  const child = spawn(command, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: STEP_TIMEOUT_MS,
    env: { ...process.env, ...env },
  })
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code === 0) return output
  const printed = `${output}\n${errors}`.slice(-SHOWN)
  throw new Error(`${[command, ...args].join(' ')} ended with ${code}\n${printed}`)
}
