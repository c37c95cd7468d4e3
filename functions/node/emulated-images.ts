// What the embedded emulator runs for an image: a command of EMULATOR_IMAGES, or the sample agent. A program that does not exist
// is found here, at the start, and not in the log of the first machine.
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path'
import { type Config, ConfigError } from '../../lib/config/config.ts'
import { type EmulatedImageEntry, parseEmulatedImages } from '../../lib/config/emulated-images.ts'
import type { CommandImage } from '../../lib/emulator/node/command-guest.ts'
import { repositoryOf } from '../../lib/machines/image-reference.ts'
import { isRuntime, RUNTIMES, runtimeImage } from '../../lib/machines/runtimes.ts'

const SAMPLE_AGENT = new URL('../../lib/emulator/sample-agent/sample-agent.ts', import.meta.url).href

/** The program of an image; undefined when it cannot be pulled. */
export type ImageTable = (image: string) => string | CommandImage | undefined

/**
 * An image is known by its repository, whatever its tag or digest.
 * @throws ConfigError
 */
export function resolveImages({ emulator, images }: Config): ImageTable {
  const table = new Map<string, string | CommandImage>(
    RUNTIMES.map((runtime) => [repositoryOf(runtimeImage(runtime, images)), SAMPLE_AGENT]),
  )
  const { entries, directory } = readEntries(emulator.images)
  const problems: string[] = []
  for (const [name, entry] of Object.entries(entries)) {
    const image: CommandImage = {
      command: entry.command,
      directory: resolve(directory, entry.directory ?? '.'),
      env: entry.env,
    }
    const mistake = findMistake(image)
    if (mistake !== undefined) problems.push(`EMULATOR_IMAGES: ${name}: ${mistake}`)
    table.set(repositoryOf(isRuntime(name) ? runtimeImage(name, images) : name), image)
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return (image) => table.get(repositoryOf(image))
}

/** Directories are relative to the file, or to the server's own directory. */
function readEntries(given: Config['emulator']['images']): {
  entries: Record<string, EmulatedImageEntry>
  directory: string
} {
  if ('commands' in given) {
    const entries = Object.entries(given.commands).map(
      ([name, command]) => [name, { command, env: {} }] as const,
    )
    return { entries: Object.fromEntries(entries), directory: process.cwd() }
  }
  let text: string
  try {
    text = readFileSync(given.file, 'utf8')
  } catch (error) {
    throw new ConfigError([`EMULATOR_IMAGES names a file that cannot be read: ${(error as Error).message}`])
  }
  const entries = parseEmulatedImages(text)
  if (Array.isArray(entries)) throw new ConfigError(entries.map((problem) => `${given.file} ${problem}`))
  return { entries, directory: dirname(resolve(given.file)) }
}

function findMistake({ command: [program = ''], directory }: CommandImage): string | undefined {
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return `${directory} is no directory`
  const paths = program.includes('/')
    ? [isAbsolute(program) ? program : join(directory, program)]
    : (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, program))
  if (paths.some(isExecutable)) return undefined
  return program.includes('/')
    ? `${paths[0]} is not there, or is not executable: chmod +x makes it so`
    : `there is no program "${program}" in PATH`
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
