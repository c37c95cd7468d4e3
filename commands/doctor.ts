// `npm run doctor`: checks the settings and everything that they name, and prints what is wrong and how to fix it.
import { createInterface } from 'node:readline/promises'
import { runDoctor } from './doctor/run.ts'

const { stdin, stdout } = process

const code = await runDoctor({
  args: process.argv.slice(2),
  env: process.env,
  out: (text) => void stdout.write(text),
  err: (text) => void process.stderr.write(text),
  colours: stdout.isTTY && !process.env['NO_COLOR'],
  ask: stdin.isTTY && stdout.isTTY ? ask : undefined,
})
// A check that timed out may still hold a connection open.
process.exit(code)

async function ask(question: string): Promise<boolean> {
  const terminal = createInterface({ input: stdin, output: stdout })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())
  } finally {
    terminal.close()
  }
}
