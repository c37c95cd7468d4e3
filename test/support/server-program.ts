// Programs as one bundle, made once in a test run: a start from the sources compiles some hundred modules and needs several times the
// processor time.
import { writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { buildServer, bundle } from '../../commands/build-server.ts'
import { isInRun, onceInRun } from './once-in-run.ts'

/** What `npm start` runs, relative to the root of the repository. It takes the bundle in `dist/`, or makes it. */
export const START = 'commands/start.cjs'

/** @returns the bundle of a test run */
export async function serverProgram(): Promise<string> {
  if (!isInRun()) return START
  return join(await onceInRun('server', buildServer), 'node.js')
}

/** @returns the bundle of a script, relative to the root of the repository, that many tests start */
export async function bundleOf(script: string): Promise<string> {
  const name = basename(script, '.ts')
  const directory = await onceInRun(name, async (draft) => {
    const { outputFiles } = await bundle([resolve(import.meta.dirname, '../..', script)], draft)
    for (const { path, text } of outputFiles) writeFileSync(path, text)
  })
  return join(directory, `${name}.js`)
}
