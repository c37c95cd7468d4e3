// The setting that puts programs of this computer in place of images: pairs in the variable itself, or a file that the Node
// entry reads. Commands are lists of words, as in a Dockerfile's ENTRYPOINT, so that no shell changes them.
import { z } from 'zod'
import { readPairs } from '../platform/pairs.ts'
import { validationText } from '../platform/validation-text.ts'
import { parseImage } from '../machines/image-reference.ts'
import { isRuntime, RUNTIMES } from '../machines/runtimes.ts'
import { whenUsed } from '../platform/when-used.ts'

/** Commands by runtime or image, or the path of a JSON file with them. */
export type EmulatedImages = { commands: Record<string, string[]> } | { file: string }

const NAMES = `runtimes (${RUNTIMES.join(', ')}) or images with a path such as registry.fly.io/my-app`

const isImageName = (name: string) =>
  isRuntime(name) || (name.includes('/') && parseImage(name) !== undefined)

/** `hermes=python agent.py,codex=node agent.ts`, or `agents.json`. */
export const emulatedImages = z.string().transform((text, context): EmulatedImages => {
  if (text.endsWith('.json') && !text.includes('=')) return { file: text }
  const commands: Record<string, string[]> = {}
  const refuse = (message: string) => context.addIssue({ code: 'custom', message })
  const pairs = readPairs(
    text.split(',').map((part) => part.trim()),
    (problem) =>
      refuse(
        problem.kind === 'repeated'
          ? `names ${problem.name} twice`
          : `must be runtime=command pairs separated by commas, such as "hermes=python agent.py", or the path of a .json file, where pair ${problem.at + 1} is neither; a command with commas needs the file`,
      ),
  )
  for (const [name, command] of pairs) {
    const words = command.split(/\s+/).filter(Boolean)
    if (words.length === 0) refuse(`names no command for ${name}, such as "hermes=python agent.py"`)
    else if (!isImageName(name)) refuse(`names "${name}", but names are ${NAMES}`)
    else if (/["'`\\$|&;<>()]/.test(command)) {
      refuse(
        `runs commands without a shell, so that ${command} would be taken literally: name a program and plain words, or use the .json file`,
      )
    } else commands[name] = words
  }
  return { commands }
})

const Entry = whenUsed(() =>
  z.strictObject({
    command: z.array(z.string().max(4_096)).min(1).max(100),
    directory: z.string().min(1).optional(),
    env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()).default({}),
  }),
)

const Entries = whenUsed(() => z.record(z.string(), Entry))

export type EmulatedImageEntry = z.infer<typeof Entry>

/**
 * Reads the text of the file: `{"hermes": {"command": ["python", "agent.py"], "directory": "…", "env": {…}}}`.
 * @returns the entries by runtime or image, or sentences that say what is wrong
 */
export function parseEmulatedImages(text: string): Record<string, EmulatedImageEntry> | string[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return [`is no JSON: ${(error as Error).message}`]
  }
  const parsed = Entries.safeParse(value, { error: validationText })
  if (!parsed.success) {
    return parsed.error.issues.flatMap((issue) => {
      const members = issue.code === 'unrecognized_keys' ? issue.keys : []
      const paths = members.length === 0 ? [issue.path] : members.map((name) => [...issue.path, name])
      return paths.map(
        (path) =>
          `must be an object such as {"hermes": {"command": ["python", "agent.py"], "directory": ".", "env": {}}}; ${path.length === 0 ? 'it' : path.join('.')} ${issue.message}`,
      )
    })
  }
  const unknown = Object.keys(parsed.data).filter((name) => !isImageName(name))
  return unknown.length === 0 ? parsed.data : unknown.map((name) => `names "${name}", but names are ${NAMES}`)
}
