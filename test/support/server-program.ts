// The server as one bundle, made once in a test run: a start from the sources compiles some hundred modules and needs several times
// the processor time.
import { join } from 'node:path'
import { buildServer } from '../../commands/build-server.ts'
import { isInRun, onceInRun } from './once-in-run.ts'

/** What `npm start` runs, relative to the root of the repository. It takes the bundle in `dist/`, or makes it. */
export const START = 'commands/start.cjs'

/** @returns the bundle of a test run */
export async function serverProgram(): Promise<string> {
  if (!isInRun()) return START
  return join(await onceInRun('server', buildServer), 'node.js')
}
