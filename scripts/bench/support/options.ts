// The command line of a bench: options with defaults, --json, and --help made of them.
import { parseArgs } from 'node:util'

type Default = number | string
type Option = { says: string; default: Default }

/** What is given for options: a number above 0 where the default is a number, otherwise text. */
type Given<Options extends Record<string, Option>> = {
  [Name in keyof Options]: Options[Name]['default'] extends number ? number : string
} & { json: boolean }

/**
 * Reads the command line. Ends the process after --help, and with code 2 after a wrong option, which it names.
 * @param about what the bench measures, for --help
 */
export function benchOptions<const Options extends Record<string, Option>>(
  script: string,
  about: string,
  options: Options,
): Given<Options> {
  const known = Object.fromEntries([
    ...Object.keys(options).map((name) => [name, { type: 'string' }] as const),
    ['json', { type: 'boolean' }],
    ['help', { type: 'boolean', short: 'h' }],
  ]) as Record<string, { type: 'string' | 'boolean'; short?: string }>
  let values: Record<string, string | boolean | undefined>
  try {
    ;({ values } = parseArgs({ options: known }))
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
  if (values['help'] === true) {
    process.stdout.write(helpOf(script, about, options))
    process.exit(0)
  }
  const given = Object.entries(options).map(([name, option]) => [name, read(name, option, values[name])])
  return { ...Object.fromEntries(given), json: values['json'] === true } as Given<Options>
}

function read(name: string, option: Option, given: string | boolean | undefined): Default {
  if (given === undefined) return option.default
  if (typeof option.default === 'string') return `${given}`
  const value = Number(given)
  return value > 0 && Number.isFinite(value) ? value : refuse(`--${name} must be a number above 0`)
}

function helpOf(script: string, about: string, options: Record<string, Option>): string {
  const lines = [
    ...Object.entries(options).map(([name, option]) => [
      `--${name} ${typeof option.default === 'number' ? 'N' : 'TEXT'}`,
      option.default === '' ? option.says : `${option.says}; default ${option.default}`,
    ]),
    ['--json', 'prints the figures as JSON'],
  ] as [string, string][]
  const width = Math.max(...lines.map(([option]) => option.length)) + 3
  const shown = lines.map(([option, says]) => `  ${option.padEnd(width)}${says}\n`).join('')
  return `npm run ${script} -- [options]\n\n${about}\n\n${shown}`
}

/** Ends the process, because an option is wrong. */
export function refuse(message: string): never {
  console.error(message)
  process.exit(2)
}
