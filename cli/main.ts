#!/usr/bin/env node
// `molecule-fly`: the entry of the command line.
import { createProgram, run } from './program.ts'
import { VERSION } from './version.ts'

// A reader such as `head` that has seen enough is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await run(createProgram(VERSION), process.argv.slice(2))
